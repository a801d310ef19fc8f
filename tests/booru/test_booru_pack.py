"""The pack: images by others, each with its origin."""

import hashlib
import json

from embedded_booru.history import PACK


def lines_of(name):
    return [json.loads(line) for line in (PACK / name).read_text().splitlines()]


def test_every_file_has_the_md5_of_its_name_and_the_size_of_its_post():
    for post in lines_of("posts.jsonl"):
        md5 = post["md5"]
        path = PACK / "original" / md5[:2] / md5[2:4] / f"{md5}.{post['file_ext']}"
        content = path.read_bytes()
        assert hashlib.md5(content).hexdigest() == md5
        assert len(content) == post["file_size"]


def test_the_pack_holds_no_file_that_no_post_names():
    files = {path.stem for path in (PACK / "original").rglob("*.*")}
    assert files == {post["md5"] for post in lines_of("posts.jsonl")}


def test_the_origin_and_licence_of_every_file_is_told():
    provenance = {line["md5"]: line for line in lines_of("provenance.jsonl")}
    assert provenance.keys() == {post["md5"] for post in lines_of("posts.jsonl")}
    assert all(line["licence"] and line["package"] for line in provenance.values())
    assert "provenance.jsonl" in (PACK / "NOTICE.md").read_text()
