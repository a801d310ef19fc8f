import json

import pytest
from booru_release.forgetting import files_of, forget, forget_unpublished, owner_of
from booru_release.library import Library
from making import contents, write_file

MINE = [
    "incoming/0001/1.aa.png",
    "original/0001/1.aa.png",
    "original/0001/.1.aa.png.part",
    "subsets/sfw/a91/0001/1.aa.jpg",
]
OTHERS = ["original/0001/11.aa.png", "original/0000/1.aa.png", "subsets/sfw/a91/0001/21.aa.jpg"]


@pytest.fixture
def library(tmp_path):
    """A library with files of post 1 and of others, and their lines in ledgers and a journal."""
    library = Library(tmp_path / "library")
    for name in (*MINE, *OTHERS):
        write_file(library.root / name, name.encode())
    for ledger in (library.ledger("0001"), library.derived_ledger("sfw", "a91", "0001")):
        for post_id in (1, 11):
            ledger.append({"id": post_id, "md5": "aa"})
    journal = b'{"id":1,"md5":"bb"}\n{"id":11,"md5":"bb"}\n'
    write_file(tmp_path / "2019" / "journal" / "download" / "0001.jsonl", journal)
    return library


def ids_in_ledgers(library):
    files = [*library.root.glob("ledger/**/*.jsonl"), *library.root.parent.glob("*/journal/*/*")]
    return [
        [json.loads(line)["id"] for line in file.read_text().splitlines()] for file in sorted(files)
    ]


def test_the_files_of_a_post_are_found_wherever_they_are(library):
    found = {
        file.relative_to(library.root).as_posix() for file in files_of(library.root, "0001", 1)
    }
    assert found == {*MINE}


def test_all_of_a_post_is_forgotten_and_nothing_of_others(library):
    forget(library, "0001", 1)
    left = contents(library.root)
    assert {name for name in left if not name.startswith(("ledger", "locks"))} == {*OTHERS}
    assert ids_in_ledgers(library) == [[11], [11], [11]]


def test_forgetting_twice_changes_nothing(library):
    forget(library, "0001", 1)
    before = contents(library.root)
    forget(library, "0001", 1)
    assert contents(library.root) == before


def test_a_file_that_a_stage_serves_stays_until_it_leaves_the_stage(library, tmp_path):
    served = library.root / "original" / "0001" / "1.aa.png"
    stage = tmp_path / "2018" / "stage" / "original" / "0001" / "1.png"
    stage.parent.mkdir(parents=True)
    stage.hardlink_to(served)
    forget_unpublished(library, "0001", 1)
    assert [*files_of(library.root, "0001", 1)] == [served]
    assert ids_in_ledgers(library) == [[1, 11], [1, 11], [1, 11]]


def test_a_file_that_nobody_serves_goes_with_its_lines(library):
    incoming = library.root / "incoming" / "0001" / "1.aa.png"
    linked = library.root / "original" / "0001" / "1.aa.png"
    linked.unlink()
    # As a file that could not become smaller is on its way: two names, and no stage has one.
    linked.hardlink_to(incoming)
    forget_unpublished(library, "0001", 1)
    assert [*files_of(library.root, "0001", 1)] == []
    assert ids_in_ledgers(library) == [[11], [11], [11]]


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("original/0001/1.png", 1),
        ("replaced/2019/512px/0001/1.jpg", 1),
        ("original/0001/.1.png.part", 1),
        ("original/0000/1.png", None),
        ("original/0001/11.png", None),
        ("metadata/2018/posts.jsonl.gz", None),
        ("1.png", None),
        ("original/0001/one.png", None),
        ("original/0001/01.png", None),
    ],
)
def test_a_path_tells_whose_file_it_is(path, owner):
    assert owner_of(path, {1}, 2) == owner
