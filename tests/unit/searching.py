"""A search for what is left of a post, which shares nothing with the one that it tests."""

import gzip
import io
import json
import re

import libtorrent
import pandas

# What is kept for us alone: the raw answers, what we know of withdrawn posts, logs.
PRIVATE = re.compile(
    r"(^|/)(metadata/raw|logs|keys|embedded|budget|locks)/|^withdrawn\.jsonl$"
    r"|^\w+/(revision|settings/withdrawals)\.json$|^feed/"
)


def traces_of(releases, post_id, files, *, buckets=2):
    """Where anything of a post is: its files' bytes and hashes, its names, its md5s, its ID.

    `releases` is searched whole but for what is private; `files` are the bytes that it had.
    """
    found = []
    for path in sorted(releases.rglob("*")):
        name = path.relative_to(releases).as_posix()
        if path.is_file() and not PRIVATE.search(name):
            found += [f"{name}: {kind}" for kind in _kinds(path, post_id, files, buckets)]
    return found


def _kinds(path, post_id, files, buckets):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    place = f"{post_id % buckets:04d}/{post_id}."
    if f"/{place}" in path.as_posix() or f"/.{place}" in path.as_posix():
        yield "name"
    texts = data
    if path.suffix == ".parquet":
        texts = pandas.read_parquet(io.BytesIO(data)).to_csv().encode()
        yield from _in_frame(pandas.read_parquet(io.BytesIO(data)), post_id)
    if path.suffix == ".torrent":
        layout = libtorrent.torrent_info(data).layout()
        texts = "\n".join(layout.file_path(i) for i in range(layout.num_files())).encode()
    if any(file in data for file in files.values()):
        yield "bytes"
    if any(digest.encode() in text for digest in files for text in (data, texts)):
        yield "hash"
    if f"/{place}".encode() in texts:
        yield "named"
    if path.name.endswith((".jsonl.gz", ".jsonl")) and "receipts/" not in path.as_posix():
        yield from _in_rows(data, post_id)


def _in_frame(frame, post_id):
    rows = frame[frame["id"] == post_id].dropna(axis="columns").to_dict("records")
    if rows and rows != [{"id": post_id, "state": "withdrawn"}]:
        yield "row"


def _in_rows(data, post_id):
    for row in map(json.loads, data.splitlines()):
        is_post = "tag_string" in row
        if (row.get("id") == post_id and is_post) or post_id in (
            row.get("post_id"),
            row.get("parent_id"),
        ):
            yield "row"
        if post_id in row.get("post_ids", ()):
            yield "pool"
        if re.search(rf"(#|posts/){post_id}\b", json.dumps(row)):
            yield "mention"
