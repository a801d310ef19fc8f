import hashlib

import pytest
from booru_release.hash_lists import UnusableList, read_hashes, sha256_of_list

ONE, TWO = "0123456789abcdef" * 2, "f" * 32


@pytest.fixture
def listed(tmp_path):
    """A list with this text."""

    def listed(text):
        path = tmp_path / "known.md5"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return listed


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}\n{TWO}\n",
        f"{ONE}\r\n{TWO}",
        f"# handed out in May\n\n  {ONE.upper()}  # the first\n{TWO}\n{ONE}\n",
    ],
)
def test_a_list_has_a_hash_a_line(listed, text):
    assert read_hashes(listed(text), "md5") == {ONE, TWO}


def test_an_empty_list_has_none(listed):
    assert read_hashes(listed("# nothing yet\n"), "md5") == frozenset()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (ONE[:-1], repr(ONE[:-1])),
        (ONE + "0", repr(ONE + "0")),
        (f"{ONE} {TWO}", repr(f"{ONE} {TWO}")),
        ("g" * 32, repr("g" * 32)),
        (b"\xff\x00", repr("\\xff\x00")),
        ("x" * 500, repr("x" * 80)),
    ],
)
def test_a_damaged_line_is_named(listed, line, shown):
    line = line if isinstance(line, bytes) else line.encode()
    path = listed(f"# one\n{ONE}\n".encode() + line + b"\n")
    with pytest.raises(UnusableList) as problem:
        read_hashes(path, "md5")
    assert str(problem.value) == f"{path}: line 3: {shown} is no md5 hash of 32 hex digits"


@pytest.mark.parametrize(("kind", "digits"), [("md5", 32), ("sha256", 64), ("perceptual", 16)])
def test_each_kind_of_hash_has_its_length(listed, kind, digits):
    assert read_hashes(listed("a" * digits), kind) == {"a" * digits}
    with pytest.raises(UnusableList, match=f"is no {kind} hash of {digits} hex digits"):
        read_hashes(listed("a" * (digits - 2)), kind)


def test_a_list_that_is_another_one_by_now_is_refused(listed):
    path = listed(ONE)
    known = sha256_of_list(path)
    assert known == hashlib.sha256(ONE.encode()).hexdigest()
    assert read_hashes(path, "md5", sha256=known) == {ONE}
    with pytest.raises(UnusableList) as problem:
        read_hashes(listed(TWO), "md5", sha256=known)
    assert str(problem.value).startswith(f"{path}: has changed since the run began\n  hint: run")


def test_a_list_that_is_not_there_is_named(tmp_path):
    for read in (sha256_of_list, lambda path: read_hashes(path, "md5")):
        with pytest.raises(UnusableList, match="none: cannot be read: No such file"):
            read(tmp_path / "none")
    with pytest.raises(UnusableList, match="cannot be read: Is a directory"):
        sha256_of_list(tmp_path)
