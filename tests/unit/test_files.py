import errno
import gzip
import hashlib
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from booru_release.files import (
    UnreadableFile,
    UnwritableFile,
    check_writable,
    compressed,
    disk_trouble,
    dump_json,
    dump_line,
    exchange,
    make_folder,
    read_json,
    read_lines,
    read_raw_lines,
    replace_file,
    sha256_of,
    sync_file,
    sync_folder,
    sync_tree,
    write_bytes,
    write_if_changed,
    write_lines,
)

FORK = multiprocessing.get_context("fork")
NOBODY = 65534


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def in_a_child(work):
    """Run work in a process of its own, and bring back the problem that it met."""

    def run():
        try:
            work()
        except Exception as problem:
            theirs.send((type(problem), str(problem)))
        else:
            theirs.send(None)

    ours, theirs = FORK.Pipe()
    child = FORK.Process(target=run)
    child.start()
    child.join()
    return ours.recv()


def full_disk_at(path):
    """Let the file beside a path lie on a disk that is always full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f".{path.name}.part").symlink_to("/dev/full")


# Files that appear whole or not at all


def test_a_file_appears_with_all_its_content_and_its_folders(tmp_path):
    write_bytes(tmp_path / "a" / "b" / "7.json", b"{}")
    assert (tmp_path / "a" / "b" / "7.json").read_bytes() == b"{}"
    assert names_in(tmp_path / "a" / "b") == ["7.json"]


def test_a_file_is_not_there_before_its_end(tmp_path):
    with replace_file(tmp_path / "7.json") as out:
        out.write(b"{}")
        out.flush()
        assert not (tmp_path / "7.json").exists()
    assert (tmp_path / "7.json").read_bytes() == b"{}"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "7.json"
    write_bytes(path, b"old")
    with pytest.raises(ZeroDivisionError), replace_file(path) as out:
        out.write(b"new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["7.json"]


def test_an_error_before_the_first_file_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), replace_file(tmp_path / "7.json") as out:
        out.write(b"new")
        raise ZeroDivisionError
    assert names_in(tmp_path) == []


def test_a_process_killed_while_it_writes_leaves_the_old_file(tmp_path):
    path = tmp_path / "7.json"
    write_bytes(path, b"old")

    def write_slowly():
        with replace_file(path) as out:
            out.write(b"n" * 100_000)
            out.flush()
            ready.set()
            time.sleep(60)

    ready = FORK.Event()
    child = FORK.Process(target=write_slowly)
    child.start()
    assert ready.wait(10)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert path.read_bytes() == b"old"


def test_what_a_killed_process_left_does_not_get_into_the_next_file(tmp_path):
    (tmp_path / ".7.json.part").write_bytes(b"much more than the new content")
    write_bytes(tmp_path / "7.json", b"new")
    assert (tmp_path / "7.json").read_bytes() == b"new"
    assert names_in(tmp_path) == ["7.json"]


def test_readers_see_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "7.json"
    write_bytes(path, b"a" * 100_000)

    def write_again_and_again():
        for _ in range(20):
            write_bytes(path, b"b" * 100_000)
            write_bytes(path, b"a" * 100_000)

    child = FORK.Process(target=write_again_and_again)
    child.start()
    seen = set()
    while child.is_alive():
        seen.add(path.read_bytes())
    child.join()
    assert child.exitcode == 0
    assert seen <= {b"a" * 100_000, b"b" * 100_000}


def test_an_open_file_keeps_its_content_when_it_is_replaced(tmp_path):
    path = tmp_path / "7.json"
    write_bytes(path, b"old")
    with path.open("rb") as reader:
        write_bytes(path, b"new")
        assert reader.read() == b"old"


def test_a_link_to_the_old_content_stays_when_the_file_is_replaced(tmp_path):
    path, link = tmp_path / "7.json", tmp_path / "link.json"
    write_bytes(path, b"old")
    link.hardlink_to(path)
    write_bytes(path, b"new")
    assert link.read_bytes() == b"old"


def test_a_file_is_written_only_when_its_content_changes(tmp_path):
    path = tmp_path / "7.json"
    assert write_if_changed(path, b"{}") is True
    before = path.stat()
    assert write_if_changed(path, b"{}") is False
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino
    assert write_if_changed(path, b"[]") is True
    assert path.read_bytes() == b"[]"


# Disks that refuse


def test_a_full_disk_is_said_and_the_old_file_stays(tmp_path):
    path = tmp_path / "7.json"
    write_bytes(path, b"old")
    full_disk_at(path)
    with pytest.raises(UnwritableFile) as problem:
        write_bytes(path, b"new")
    assert str(problem.value) == (
        f"{path}: cannot be written: No space left on device\n"
        "  hint: nothing is lost: make room or open the folder, and run the same command again"
    )
    assert problem.value.path == path
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["7.json"]


@pytest.mark.parametrize("count", [1, 200_000])
def test_a_disk_that_is_full_in_the_middle_of_compressed_lines_is_said(tmp_path, count):
    path = tmp_path / "7.jsonl.gz"
    full_disk_at(path)
    with pytest.raises(UnwritableFile, match=r"7.jsonl.gz: cannot be written: No space left"):
        write_lines(path, ({"id": number * number} for number in range(count)))
    assert names_in(tmp_path) == []


def test_a_folder_that_is_closed_to_us_is_said(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "inner").mkdir()

    def write():
        if os.geteuid() == 0:
            # No folder is closed to root.
            os.setresuid(NOBODY, NOBODY, NOBODY)
        else:
            closed.chmod(0)
        write_bytes(closed / "inner" / "7.json", b"new")

    kind, message = in_a_child(write)
    closed.chmod(0o700)
    assert kind is UnwritableFile
    assert "closed/inner/7.json: cannot be written: Permission denied\n  hint: " in message
    assert names_in(closed / "inner") == []


def test_a_disk_that_may_only_be_read_is_said(tmp_path, monkeypatch):
    # The kernel says this of every call that could change something, of `unlink` too.
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(UnwritableFile, match=r"7.json: cannot be written: Read-only file system"):
        write_bytes(tmp_path / "7.json", b"new")


def test_a_folder_that_will_be_made_in_one_of_ours_can_be_written(tmp_path):
    check_writable(tmp_path / "a" / "releases")
    assert names_in(tmp_path) == []


def test_a_folder_of_others_is_refused_before_anything_is_written():
    # Not in pytest's folder, into which others cannot even look.
    with TemporaryDirectory() as others:
        Path(others).chmod(0o555)

        def look():
            if os.geteuid() == 0:
                os.setresuid(NOBODY, NOBODY, NOBODY)
            check_writable(Path(others, "a", "releases"))

        kind, message = in_a_child(look)
    assert kind is UnwritableFile
    assert message.startswith(f"{others}: cannot be written: Permission denied\n  hint: ")


def test_other_troubles_of_a_disk_are_not_called_full(tmp_path):
    (tmp_path / "7.json").mkdir()
    with pytest.raises(IsADirectoryError):
        write_bytes(tmp_path / "7.json", b"new")
    assert names_in(tmp_path) == ["7.json"]


# JSON documents


def test_a_broken_disk_is_named_with_another_hint_than_a_full_one(tmp_path):
    hints = {}
    for code in (errno.EIO, errno.ENOSPC):
        with pytest.raises(UnwritableFile) as problem, disk_trouble(tmp_path / "7.png"):
            raise OSError(code, os.strerror(code))
        assert str(problem.value).startswith(f"{tmp_path / '7.png'}: cannot be written: ")
        hints[code] = problem.value.hint
    assert "the disk reports errors" in hints[errno.EIO]
    assert "make room" in hints[errno.ENOSPC]


def test_trouble_that_is_not_the_disks_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError), disk_trouble(tmp_path):
        (tmp_path / "nowhere").read_bytes()


def test_a_folder_is_made_with_those_above_it_and_may_be_there(tmp_path):
    for _ in range(2):
        make_folder(tmp_path / "a" / "b" / "c")
        assert (tmp_path / "a" / "b" / "c").is_dir()


def test_files_folders_and_trees_are_synced_as_they_are(tmp_path):
    write_bytes(tmp_path / "a" / "b" / "file", b"x")
    sync_file(tmp_path / "a" / "b" / "file")
    sync_folder(tmp_path / "a")
    sync_tree(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_file(tmp_path / "nowhere")


def test_a_json_document_is_sorted_indented_and_ends_in_a_newline():
    assert dump_json({"b": [1], "a": "名"}) == '{\n  "a": "名",\n  "b": [\n    1\n  ]\n}\n'.encode()


def test_a_json_document_is_read_as_it_was_written(tmp_path):
    write_bytes(tmp_path / "7.json", dump_json({"a": [1, None, "名"]}))
    assert read_json(tmp_path / "7.json") == {"a": [1, None, "名"]}


def test_a_missing_document_is_named(tmp_path):
    with pytest.raises(UnreadableFile) as problem:
        read_json(tmp_path / "7.json")
    assert str(problem.value) == f"{tmp_path}/7.json: is not there"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"\x00\x00"])
def test_a_damaged_document_is_named(tmp_path, content):
    (tmp_path / "7.json").write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"7.json: is not JSON \("):
        read_json(tmp_path / "7.json")


# JSON lines


def test_a_line_is_compact_and_in_the_order_of_its_keys():
    assert dump_line({"b": 1, "a": ["名", None]}) == '{"b":1,"a":["名",null]}\n'.encode()


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\n", "\u2028", "\x00", '"\\', "😀"])
def test_any_text_is_one_line_and_comes_back(text):
    line = dump_line({"text": text})
    assert line.count(b"\n") == 1
    assert json.loads(line.decode("utf-8")) == {"text": text}


def test_lines_come_back_in_order_and_are_counted(tmp_path):
    rows = [{"id": 2}, {"id": 1}, [], None]
    assert write_lines(tmp_path / "7.jsonl.gz", rows) == 4
    assert [*read_lines(tmp_path / "7.jsonl.gz")] == rows


def test_no_lines_are_an_empty_gzip_file(tmp_path):
    assert write_lines(tmp_path / "7.jsonl.gz", []) == 0
    assert gzip.decompress((tmp_path / "7.jsonl.gz").read_bytes()) == b""
    assert [*read_lines(tmp_path / "7.jsonl.gz")] == []


def test_equal_lines_are_equal_bytes_under_any_name_at_any_time(tmp_path):
    rows = [{"id": number} for number in range(1000)]
    write_lines(tmp_path / "first.jsonl.gz", rows)
    write_lines(tmp_path / "second.jsonl.gz", iter(rows))
    first, second = (tmp_path / f"{name}.jsonl.gz" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    # RFC 1952: byte 3 says what else is in the head, such as a name; bytes 4 to 7 are the time.
    assert first.read_bytes()[3:8] == bytes(5)


def test_the_size_of_a_buffer_does_not_change_the_lines(tmp_path):
    with (tmp_path / "7.gz").open("wb") as out, compressed(out, 16) as lines:
        lines.write(b"7\n" * 100)
    assert [*read_raw_lines(tmp_path / "7.gz")] == [b"7\n"] * 100


def test_missing_lines_are_named(tmp_path):
    with pytest.raises(UnreadableFile, match=r"7.jsonl.gz: is not there"):
        [*read_lines(tmp_path / "7.jsonl.gz")]


@pytest.mark.parametrize("cut", [1, 8, 20])
def test_lines_that_were_cut_short_are_named(tmp_path, cut):
    path = tmp_path / "7.jsonl.gz"
    write_lines(path, [{"id": number} for number in range(100)])
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(UnreadableFile, match=r"7.jsonl.gz: is damaged \("):
        [*read_lines(path)]


@pytest.mark.parametrize("place", [0, 12, -2])
def test_lines_with_a_wrong_byte_are_named(tmp_path, place):
    path = tmp_path / "7.jsonl.gz"
    write_lines(path, [{"id": number} for number in range(100)])
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"7.jsonl.gz: is damaged \("):
        [*read_lines(path)]


def test_lines_that_are_not_compressed_are_named(tmp_path):
    (tmp_path / "7.jsonl.gz").write_bytes(b'{"id":1}\n')
    with pytest.raises(UnreadableFile, match=r"7.jsonl.gz: is damaged \("):
        [*read_lines(tmp_path / "7.jsonl.gz")]


def test_lines_that_are_no_json_are_named(tmp_path):
    (tmp_path / "7.jsonl.gz").write_bytes(gzip.compress(b'{"id":1}\nhello\n'))
    with pytest.raises(UnreadableFile, match=r"7.jsonl.gz: is damaged \("):
        [*read_lines(tmp_path / "7.jsonl.gz")]


# Checksums and folders


def test_the_sha256_of_a_file_is_that_of_its_bytes(tmp_path):
    content = b"x" * ((1 << 20) + 1)
    (tmp_path / "7.png").write_bytes(content)
    progress = []
    assert sha256_of(tmp_path / "7.png", progress.append) == hashlib.sha256(content).hexdigest()
    assert progress == [1 << 20, 1]


def test_the_sha256_of_an_empty_file_is_the_known_one(tmp_path):
    (tmp_path / "7.png").touch()
    # sha256sum /dev/null
    known = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_of(tmp_path / "7.png") == known


def test_two_folders_change_places(tmp_path):
    for name in ("stage", "next"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    exchange(tmp_path / "next", tmp_path / "stage")
    assert names_in(tmp_path / "stage") == ["next"]
    assert names_in(tmp_path / "next") == ["stage"]
    assert names_in(tmp_path) == ["next", "stage"]


def test_a_reader_always_finds_one_of_two_folders_that_change_places(tmp_path):
    for name in ("stage", "next"):
        write_bytes(tmp_path / name / "file", name.encode())

    def change_places():
        for _ in range(500):
            exchange(tmp_path / "next", tmp_path / "stage")

    child = FORK.Process(target=change_places)
    child.start()
    seen = set()
    while child.is_alive():
        seen.add((tmp_path / "stage" / "file").read_bytes())
    child.join()
    assert child.exitcode == 0
    assert seen <= {b"stage", b"next"}
