import hashlib
import json
import re
import stat
import subprocess
from pathlib import Path

import pytest
from booru_release.feed import (
    BadFeed,
    BadKey,
    load_key,
    salt_of,
    share_feed,
    verify_feed,
    write_feed,
)
from booru_release.withdrawn import Withdrawn, WithdrawnFile
from making import contents, write_file

README = (Path(__file__).parents[2] / "README.md").read_text()
IMAGE = b"the bytes of an image"


def entry(salt, post_id=4123, data=IMAGE, reason="the artist asked"):
    """A withdrawn post with one published file."""
    token = hashlib.sha256(salt.encode() + data).hexdigest()
    library = f"original/0123/{post_id}.{'a' * 32}.png"
    file = WithdrawnFile("2018", "original", library, hashlib.sha256(data).hexdigest(), token)
    return Withdrawn(post_id, "2020-02-01", reason, ("a" * 32,), (file,))


@pytest.fixture
def releases(tmp_path):
    """A folder with a feed of one withdrawn post."""
    write_feed(tmp_path, [entry(salt_of(tmp_path))])
    return tmp_path


def test_the_feed_says_when_why_and_what_without_saying_which(releases):
    feed = json.loads((releases / "feed" / "withdrawals.json").read_text())
    [told] = feed["withdrawals"]
    assert (told["date"], told["reason"]) == ("2020-02-01", "the artist asked")
    assert told["files"] == [
        {
            "release": "2018",
            "set": "original",
            "hash": hashlib.sha256(feed["salt"].encode() + IMAGE).hexdigest(),
        }
    ]
    text = (releases / "feed" / "withdrawals.json").read_text()
    for secret in ("4123", "0123", "a" * 32, hashlib.sha256(IMAGE).hexdigest(), ".png"):
        assert secret not in text


def test_the_same_entries_give_the_same_bytes(releases):
    before = contents(releases)
    write_feed(releases, [entry(salt_of(releases))])
    assert contents(releases) == before


def test_the_order_of_ids_is_not_told(tmp_path):
    salt = salt_of(tmp_path)
    entries = [entry(salt, post, bytes([post])) for post in range(1, 9)]
    write_feed(tmp_path, entries)
    listed = json.loads((tmp_path / "feed" / "withdrawals.json").read_text())["withdrawals"]
    hashes = [one["files"][0]["hash"] for one in listed]
    assert hashes == sorted(hashes)


def test_a_post_that_was_never_published_is_not_in_the_feed(tmp_path):
    write_feed(tmp_path, [Withdrawn(5, "2020-02-01", "never seen", (), ())])
    assert "never seen" not in (tmp_path / "feed" / "withdrawals.json").read_text()


def test_a_key_is_made_once_and_nobody_else_can_read_it(releases):
    key = releases / "keys" / "feed.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    load_key(releases, {})
    assert key.read_bytes() == before


def test_a_key_of_the_environment_is_taken_in_its_place(tmp_path):
    pem = tmp_path / "mine.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", pem], check=True)
    write_feed(tmp_path, [], {"BOORU_SIGNING_KEY": str(pem)})
    assert not (tmp_path / "keys").exists()
    public = subprocess.run(
        ["openssl", "pkey", "-in", pem, "-pubout"], check=True, capture_output=True
    ).stdout
    assert (tmp_path / "feed" / "withdrawals.pub").read_bytes() == public
    verify_feed(tmp_path / "feed")


def test_another_key_does_not_change_the_salt_that_hashes_were_made_with(releases, tmp_path):
    pem = tmp_path / "mine.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", pem], check=True)
    before = salt_of(releases)
    write_feed(releases, [entry(before)], {"BOORU_SIGNING_KEY": str(pem)})
    assert salt_of(releases) == before


@pytest.mark.parametrize("content", [None, b"no key", "rsa"])
def test_a_key_that_is_none_is_named(tmp_path, content):
    pem = tmp_path / "mine.pem"
    if content == "rsa":
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "RSA", "-out", pem, "-quiet"], check=True
        )
    elif content is not None:
        pem.write_bytes(content)
    with pytest.raises(BadKey) as problem:
        load_key(tmp_path, {"BOORU_SIGNING_KEY": str(pem)})
    assert str(problem.value).startswith(f"{pem}: is no")
    assert "openssl genpkey" in str(problem.value)


@pytest.mark.parametrize("name", ["withdrawals.json", "withdrawals.json.sig", "withdrawals.pub"])
def test_a_feed_that_was_changed_is_refused(releases, name):
    verify_feed(releases / "feed")
    file = releases / "feed" / name
    file.write_bytes(file.read_bytes()[:-5] + b"other")
    with pytest.raises(BadFeed, match=r"the signature is not that of withdrawals\.pub"):
        verify_feed(releases / "feed")


def test_a_stage_gets_the_feed_and_nothing_is_written_twice(releases, tmp_path):
    stage = tmp_path / "stage"
    share_feed(releases, stage)
    assert contents(stage) == contents(releases / "feed")
    before = {file: file.stat().st_ino for file in stage.iterdir()}
    share_feed(releases, stage)
    assert {file: file.stat().st_ino for file in stage.iterdir()} == before


def commands(word):
    """The commands of the README's section for mirrors that use a program."""
    section = README.split("## Withdrawing a post")[1].split("\n## ")[0]
    blocks = re.findall(r"(?m)(?:^    .*\n)+", section)
    return next(block for block in blocks if word in block)


def test_a_mirror_checks_the_signature_with_openssl_as_the_readme_says(releases):
    def check():
        command = commands("openssl pkeyutl -verify")
        return subprocess.run(["bash", "-ec", command], cwd=releases / "feed", check=False)

    assert check().returncode == 0
    (releases / "feed" / "withdrawals.json").write_text("{}")
    assert check().returncode != 0


def test_a_mirror_finds_its_own_withdrawn_files_as_the_readme_says(releases):
    write_file(releases / "feed" / "original" / "0123" / "4123.png", IMAGE)
    write_file(releases / "feed" / "original" / "0124" / "4124.png", b"another")
    found = subprocess.run(
        ["bash", "-ec", commands("sha256sum")],
        cwd=releases / "feed",
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.splitlines() == ["./original/0123/4123.png"]
