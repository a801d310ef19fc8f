import fcntl
import os
import threading
import time
from pathlib import Path

import pytest
from booru_release.files import UnwritableFile
from booru_release.library import Ledger, Library

MD5 = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def ledger(tmp_path):
    return Library(tmp_path).ledger("0042")


def test_a_file_is_named_by_id_md5_and_extension():
    library = Library(Path("library"))
    place = ("0123", 4123, MD5, "png")
    assert library.incoming(*place) == Path(f"library/incoming/0123/4123.{MD5}.png")
    assert library.original(*place) == Path(f"library/original/0123/4123.{MD5}.png")
    assert library.derived("sfw_512px", "a91cddba97", "0123", "4123.jpg") == Path(
        "library/subsets/sfw_512px/a91cddba97/0123/4123.jpg"
    )


def test_each_bucket_and_each_setting_of_a_subset_has_a_ledger():
    library = Library(Path("library"))
    assert library.ledger("0123").path == Path("library/ledger/original/0123.jsonl")
    assert library.derived_ledger("sfw", "a91", "0123").path == Path(
        "library/ledger/sfw/a91/0123.jsonl"
    )


def test_a_ledger_that_is_not_there_is_empty(ledger):
    assert ledger.rows() == {}


def test_a_ledger_tells_the_newest_row_of_a_file(ledger):
    ledger.append({"id": 1, "md5": "a", "size": 10})
    ledger.append({"id": 1, "md5": "b", "size": 20})
    ledger.append({"id": 1, "md5": "a", "size": 30})
    assert ledger.rows() == {
        (1, "a"): {"id": 1, "md5": "a", "size": 30},
        (1, "b"): {"id": 1, "md5": "b", "size": 20},
    }


@pytest.mark.parametrize("torn", [b'{"id":2,"md5":"b', b"\0" * 40, b"\xff\xfe{", b'"text"', b"7"])
def test_a_line_that_a_loss_of_power_tore_is_passed_over(ledger, torn):
    ledger.append({"id": 1, "md5": "a"})
    with ledger.path.open("ab") as file:
        file.write(torn)
    assert list(ledger.rows()) == [(1, "a")]
    ledger.append({"id": 3, "md5": "c"})
    assert list(ledger.rows()) == [(1, "a"), (3, "c")]


@pytest.mark.parametrize("torn", [b"{}\n", b'{"id":2}\n', b'{"md5":"b"}\n'])
def test_a_row_that_names_no_file_is_passed_over(ledger, torn):
    ledger.append({"id": 1, "md5": "a"})
    with ledger.path.open("ab") as file:
        file.write(torn)
    assert list(ledger.rows()) == [(1, "a")]


def test_a_ledger_only_grows(ledger):
    ledger.append({"id": 1, "md5": "a"})
    before = ledger.path.read_bytes()
    ledger.append({"id": 2, "md5": "b"})
    assert ledger.path.read_bytes().startswith(before)


def test_a_forgotten_ledger_is_gone_and_may_be_forgotten_twice(ledger):
    ledger.append({"id": 1, "md5": "a"})
    ledger.forget()
    ledger.forget()
    assert not ledger.path.exists()


def test_a_ledger_is_synced_whether_it_is_there_or_not(ledger):
    ledger.sync()
    assert not ledger.path.exists()
    ledger.append({"id": 1, "md5": "a"})
    ledger.sync()
    assert list(ledger.rows()) == [(1, "a")]


def test_a_full_disk_is_named_with_the_ledger():
    full = Ledger(Path("/dev/full"))
    with pytest.raises(UnwritableFile) as problem:
        full.append({"id": 1, "md5": "a"})
    assert problem.value.path == full.path


def test_a_bucket_waits_for_an_orphan_of_the_run_before(tmp_path, caplog):
    caplog.set_level("INFO")
    library = Library(tmp_path)
    orphan, end = holding(tmp_path / "locks" / "0042")
    threading.Timer(0.1, os.write, (end, b".")).start()
    started = time.monotonic()
    with library.locked("0042"):
        waited = time.monotonic() - started
    os.waitpid(orphan, 0)
    assert waited >= 0.05
    assert caplog.messages == ["bucket 0042: waiting for the job that works on it"]


def test_other_buckets_do_not_wait(tmp_path):
    library = Library(tmp_path)
    with library.locked("0001"), library.locked("0002"):
        pass
    with library.locked("0001"):
        pass


def holding(lock):
    """A process that has a lock until a byte is written into the pipe that is returned."""
    lock.parent.mkdir(parents=True)
    (go_on, end), (waiting, ready) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(ready, b".")
            os.read(go_on, 1)
        os._exit(0)
    os.read(waiting, 1)
    return child, end


def test_two_views_of_a_ledger_see_the_same_rows(tmp_path):
    one, other = Ledger(tmp_path / "rows"), Ledger(tmp_path / "rows")
    one.append({"id": 1, "md5": "a"})
    other.append({"id": 2, "md5": "b"})
    assert one.rows() == other.rows()
    assert len(one.rows()) == 2
