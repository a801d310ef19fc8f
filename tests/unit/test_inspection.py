"""What is wrong with a release's records by themselves: failed, doubled or out of place."""

from booru_release.inspection import DUPLICATES, FAILED, PATHS, Finding, Inspection
from booru_release.receipts import State
from making import published, record

FOLDERS = {"original": "original", "sfw": "512px"}


def inspected(**buckets):
    """The findings about buckets that are called b0 and b1."""
    inspection = Inspection(FOLDERS, 2)
    for name, records in buckets.items():
        inspection.look_at(f"000{name[1]}", records)
    return {finding.gate: finding for finding in inspection.findings()}


def filed(post, *paths, **values):
    sets = ["original", "sfw"]
    files = [published(post, set=sets[n], path=path) for n, path in enumerate(paths)]
    return record(post, files=tuple(files), **values)


def test_a_release_in_order_has_no_findings():
    even = [filed(2, "original/0000/2.png", "512px/0000/2.jpg"), record(4, state=State.BANNED)]
    assert inspected(b0=even, b1=[filed(3, "original/0001/3.png")]) == {}


def test_a_failed_post_is_named_with_its_reason():
    found = inspected(b0=[record(2, state=State.FAILED, reason="HTTP 503")])
    assert found == {
        FAILED: Finding(FAILED, "1 posts could not be fetched", ("post 2: HTTP 503",), ("0000",))
    }


def test_only_the_first_posts_are_named_and_all_are_counted():
    lines = [record(2 * n, state=State.FAILED, reason="no answer") for n in range(1, 1031)]
    finding = inspected(b0=lines)[FAILED]
    assert finding.what == "1,030 posts could not be fetched"
    assert len(finding.posts) == 21
    assert finding.posts[-1] == "and 1,010 more"


def test_two_records_of_one_id_in_a_bucket_are_found():
    found = inspected(b0=[record(2), record(2), record(4)])
    assert found[DUPLICATES].posts == ("post 2: twice, last in bucket 0000",)
    assert {*found} == {DUPLICATES}


def test_two_records_of_one_id_in_two_buckets_are_found_whichever_comes_first():
    early = inspected(b0=[record(3)], b1=[record(3)])
    assert early[DUPLICATES].posts == ("post 3: twice, last in bucket 0001",)
    inspection = Inspection(FOLDERS, 2)
    inspection.look_at("0000", [record(2)])
    inspection.look_at("0001", [record(2)])
    assert inspection.strayed() == {"0000": {2}}


def test_an_id_in_the_bucket_of_another_is_found():
    found = inspected(b0=[record(2)], b1=[record(4)])
    assert found[PATHS].posts == ("post 4: in bucket 0001 instead of 0000",)


def test_a_file_that_has_another_path_than_its_id_says_is_found():
    wrong = [
        "original/0001/2.png",
        "original/0000/4.png",
        "512px/0000/2.png",
        "original/0000/2.jpg",
        "original/0000/2",
        "original/0000/../2.png",
    ]
    for path in wrong:
        found = inspected(b0=[filed(2, path)])
        assert found[PATHS].posts == (f"post 2: its file of original is {path}",)


def test_a_resized_file_lies_in_its_subset_s_folder():
    found = inspected(b0=[filed(2, "original/0000/2.png", "original/0000/2.jpg")])
    assert found[PATHS].posts == ("post 2: its file of sfw is original/0000/2.jpg",)


def test_a_set_that_nobody_knows_has_no_right_path():
    files = (published(2, set="other", path="other/0000/2.png"),)
    assert PATHS in inspected(b0=[record(2, files=files)])
