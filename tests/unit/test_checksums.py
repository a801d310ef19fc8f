from dataclasses import replace

import pytest
from booru_release.checksums import (
    ChangedFile,
    checksum_bucket,
    record_of,
    records_of,
)
from booru_release.library import Library
from booru_release.receipts import (
    Change,
    Derived,
    Downloaded,
    Published,
    Record,
    State,
    read_receipt,
    write_receipt,
)
from making import md5, original, picture, planned, published, record, sha256, write_file

DATA, SMALL = picture(10), picture(20, "jpeg")


class Bucket:
    """Bucket 0000 of release 2019, whose files are to be hashed."""

    def __init__(self, folder):
        self.folder, self.library = folder, Library(folder / "library")

    def checksum(self, plan, downloads=(), originals=(), derived=()):
        for name, lines in {
            "plan": plan,
            "download": downloads,
            "optimise": originals,
            "rescale": derived,
        }.items():
            write_receipt(self.folder / name, lines)
        checksum_bucket(
            self.folder / "plan",
            self.folder / "download",
            self.folder / "optimise",
            subsets={"sfw_32px": self.folder / "rescale"},
            bucket="0000",
            release="2019",
            library=self.library,
            receipt=self.folder / "checksum",
        )
        return list(read_receipt(self.folder / "checksum", Record))

    def keep(self, file, data):
        return write_file(self.library.root / file.library, data)


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path)


def derived(post_id, **values):
    line = {
        "id": post_id,
        "md5": md5(DATA),
        "settings": "a91cddba97",
        "path": f"32px/0000/{post_id}.jpg",
        "size": len(SMALL),
        "sha256": sha256(SMALL),
        "background": "#ffffff",
        "flags": (),
        "first_release": "2019",
        "replaces": False,
        "left": False,
    }
    return Derived(**{**line, **values})


NEW = original(2, DATA, first_release="2019")
OLD = original(2, DATA, first_release="2018")
FILE = published(2, DATA, first_release="2019")
RESIZED = Published(
    set="sfw_32px",
    path="32px/0000/2.jpg",
    library=f"subsets/sfw_32px/a91cddba97/0000/2.{md5(DATA)}.jpg",
    size=len(SMALL),
    sha256=sha256(SMALL),
    first_release="2019",
    replaces=False,
)


def test_a_new_post_is_published_with_its_file_and_its_images_in_subsets(bucket):
    bucket.keep(FILE, DATA)
    bucket.keep(RESIZED, SMALL)
    assert bucket.checksum([planned(2, DATA)], originals=[NEW], derived=[derived(2)]) == [
        record(2, DATA, first_release="2019", files=(FILE, RESIZED))
    ]


@pytest.mark.parametrize("file", [FILE, RESIZED], ids=lambda file: file.set)
@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_new_file_that_is_not_what_was_written_is_named(bucket, file, harm):
    bucket.keep(FILE, DATA)
    bucket.keep(RESIZED, SMALL)
    harmed = bucket.library.root / file.library
    if harm == "gone":
        harmed.unlink()
        why = "is gone"
    else:
        harmed.write_bytes(b"by hand")
        why = f"sha256 {sha256(b'by hand')} instead of {file.sha256}"
    with pytest.raises(ChangedFile) as problem:
        bucket.checksum([planned(2, DATA)], originals=[NEW], derived=[derived(2)])
    assert problem.value.args == (f"{harmed}: {why}",)
    assert problem.value.path == harmed
    assert "fetched anew" in str(problem.value)
    assert not (bucket.folder / "checksum").exists()


def test_files_of_earlier_releases_are_not_opened(bucket):
    line = planned(2, DATA, change=Change.UNCHANGED, first_release="2018")
    [found] = bucket.checksum([line], originals=[OLD], derived=[derived(2, first_release="2018")])
    assert [file.first_release for file in found.files] == ["2018", "2018"]
    assert not bucket.library.root.exists()


def test_an_image_that_left_its_subset_is_no_file_of_the_release(bucket):
    line = planned(2, DATA, change=Change.UNCHANGED, first_release="2018")
    [found] = bucket.checksum([line], originals=[OLD], derived=[derived(2, left=True)])
    assert [file.set for file in found.files] == ["original"]


def test_a_withdrawn_post_has_no_file(bucket):
    nothing = dict.fromkeys(("rating", "file_ext", "md5", "size", "url"))
    gone = planned(
        2,
        change=Change.GONE,
        state=State.WITHDRAWN,
        reason="expunged from the site",
        first_release="2018",
        **nothing,
    )
    assert bucket.checksum([gone], derived=[derived(2, left=True)]) == [
        record(
            2,
            state=State.WITHDRAWN,
            change=Change.GONE,
            reason="expunged from the site",
            rating=None,
            file_ext=None,
            md5=None,
        )
    ]


def test_the_last_word_on_each_post_is_in_order_of_its_id(bucket):
    found = bucket.checksum(
        [
            planned(8, change=Change.EXCLUDED, state=State.BANNED, reason="hidden"),
            planned(4, b"lost"),
            planned(6, b"cut", change=Change.REPLACED),
        ],
        downloads=[
            Downloaded(4, md5(b"lost"), State.MISSING, "HTTP 404"),
            Downloaded(6, md5(b"cut"), None, None),
        ],
        originals=[original(6, b"cut", state=State.CORRUPT, reason="cut short")],
    )
    assert [(line.id, line.state, line.reason, line.files) for line in found] == [
        (4, State.MISSING, "HTTP 404", ()),
        (6, State.CORRUPT, "cut short", ()),
        (8, State.BANNED, "hidden", ()),
    ]


def test_a_release_takes_the_state_of_a_plan_where_no_file_is_asked_for():
    for state in (State.DELETED, State.BANNED, State.EXCLUDED):
        line = planned(2, change=Change.EXCLUDED, state=state, reason="why")
        found = record_of(line, None, None, [])
        assert (found.state, found.reason, found.files) == (state, "why", ())


def test_a_file_that_did_not_come_has_the_state_of_its_download():
    for state in (State.MISSING, State.MISMATCH):
        found = record_of(planned(2), Downloaded(2, md5(b""), state, "why"), None, [])
        assert (found.state, found.reason, found.first_release) == (state, "why", None)


def test_a_corrupt_file_has_no_path_however_it_came():
    corrupt = original(2, DATA, state=State.CORRUPT, reason="cut", first_release=None, size=None)
    found = record_of(planned(2, DATA), None, corrupt, [FILE])
    assert (found.state, found.files, found.first_release) == (State.CORRUPT, (), None)


def test_a_replaced_post_whose_new_file_is_not_to_be_had_counts_as_unchanged():
    kept = replace(OLD, reason="the site's newer file is not to be had: HTTP 404")
    line = planned(2, b"newer", change=Change.REPLACED, first_release="2018", file_ext="jpg")
    old = published(2, DATA)
    assert record_of(line, Downloaded(2, "", State.MISSING, "HTTP 404"), kept, [old]) == record(
        2, DATA, change=Change.UNCHANGED, reason=kept.reason, files=(old,)
    )


def test_a_replaced_post_says_so_and_names_its_new_file():
    line = planned(2, DATA, change=Change.REPLACED, first_release="2018")
    file = replace(FILE, replaces=True)
    found = record_of(line, None, replace(NEW, replaces=True), [file])
    assert (found.change, found.first_release, found.files) == (Change.REPLACED, "2019", (file,))


def test_the_rating_is_the_one_of_this_years_metadata():
    line = planned(2, DATA, change=Change.UNCHANGED, rating="q")
    assert record_of(line, None, OLD, [published(2, DATA)]).rating == "q"


def test_the_records_of_a_release_come_by_bucket_and_then_by_id(tmp_path):
    write_receipt(tmp_path / "0000.jsonl.gz", [record(4), record(2)])
    write_receipt(tmp_path / "0001.jsonl.gz", [record(1)])
    assert [found.id for found in records_of(tmp_path, 2)] == [2, 4, 1]
