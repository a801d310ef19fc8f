import hashlib
import shutil

import pandas
import pytest
from booru_release.files import read_json, write_bytes
from booru_release.planning import tombstone
from booru_release.receipts import (
    ON_REQUEST,
    Derived,
    Downloaded,
    Original,
    Planned,
    Record,
    read_receipt,
)
from booru_release.reissuing import Issue, UnfinishedBefore, has_trace, reissue_release, tree_of
from booru_release.withdrawn import redaction_of
from making import contents

pytest_plugins = ["steps_conftest"]


def issue_of(workflow, *ids, release="2018", finished=("2018", "2019")):
    tree = tree_of(workflow.folder, release, [*finished])
    return Issue(tree, redaction_of(workflow.folder, ids), 1)


def receipt(workflow, step, kind, bucket="0001", release="2018"):
    path = workflow.folder / release / "receipts" / step / f"{bucket}.jsonl.gz"
    return {line.id: line for line in read_receipt(path, kind)}


def test_the_plan_and_the_last_receipt_keep_a_tombstone(releases):
    reissue_release(issue_of(releases, 1))
    assert receipt(releases, "plan", Planned)[1] == tombstone(1)
    record = receipt(releases, "checksum", Record)[1]
    assert (record.state, record.reason, record.files) == ("withdrawn", ON_REQUEST, ())
    assert (record.md5, record.rating, record.first_release) == (None, None, None)


@pytest.mark.parametrize(
    ("step", "kind"),
    [("download", Downloaded), ("optimise", Original), ("rescale/sfw_32px", Derived)],
)
def test_the_other_receipts_lose_the_post_and_no_other(releases, step, kind):
    before = receipt(releases, step, kind)
    reissue_release(issue_of(releases, 1))
    assert before.pop(1)
    assert receipt(releases, step, kind) == before


def test_receipts_of_other_buckets_are_not_touched(releases):
    def others():
        folder = releases.folder / "2018" / "receipts"
        return {file: file.stat().st_mtime_ns for file in folder.rglob("0000.jsonl.gz")}

    before = others()
    reissue_release(issue_of(releases, 1))
    assert others() == before


def test_the_revision_counts_up_and_what_decides_bytes_stays(releases):
    before = read_json(releases.folder / "2018" / "release.json")
    assert reissue_release(issue_of(releases, 1)) == 2
    after = read_json(releases.folder / "2018" / "release.json")
    assert (before["revision"], after["revision"]) == (1, 2)
    assert after["settings"] == before["settings"]
    assert after["accounts"]["published"] == before["accounts"]["published"] - 1
    assert after["superseded"].keys() == before["torrents"].keys()


def test_the_indexes_are_those_of_the_posts_that_are_left(releases):
    reissue_release(issue_of(releases, 1))
    own = releases.folder / "2018"
    frame = pandas.read_parquet(own / "manifest.parquet").set_index("id")
    assert frame.loc[1].dropna().to_dict() == {"state": "withdrawn"}
    assert 1 not in pandas.read_parquet(own / "subsets" / "sfw_32px.parquet")["id"].to_list()
    for name, digest in read_json(own / "release.json")["index"].items():
        for place in (own, own / "stage"):
            assert hashlib.sha256((place / name).read_bytes()).hexdigest() == digest


def test_the_comparison_with_the_release_before_no_longer_counts_the_post(releases):
    before = read_json(releases.folder / "2019" / "report" / "diff_2018_2019.json")
    reissue_release(issue_of(releases, 14, release="2019"))
    after = read_json(releases.folder / "2019" / "report" / "diff_2018_2019.json")
    assert after["added"] == before["added"] - 1
    assert 14 not in after["ids"]["added"]
    text = (releases.folder / "2019" / "report" / "diff_2018_2019.txt").read_text()
    assert "added             2\n" in text
    assert read_json(releases.folder / "2019" / "release.json")["changes"]["added"] == 2


def test_a_comparison_with_a_release_that_is_gone_stays(releases):
    report = releases.folder / "2019" / "report" / "diff_2016_2019.json"
    write_bytes(report, b"{}")
    reissue_release(issue_of(releases, 14, release="2019"))
    assert report.read_bytes() == b"{}"


def test_a_release_has_a_trace_of_its_own_posts_and_of_what_it_mentions(releases):
    assert has_trace(issue_of(releases, 1), [1])
    assert has_trace(issue_of(releases, 3), [3])
    assert not has_trace(issue_of(releases, 14), [14])
    releases.snapshot("2018")
    pools = releases.folder / "2018" / "metadata" / "pools.jsonl.gz"
    shutil.copy(pools, pools.with_name("kept"))
    from booru_release.files import write_lines

    write_lines(pools, [{"id": 1, "post_ids": [2, 14]}])
    assert has_trace(issue_of(releases, 14), [14])


def test_a_release_whose_predecessor_is_being_rebuilt_is_refused(releases):
    with pytest.raises(UnfinishedBefore, match="follows 2018, which is not finished") as problem:
        tree_of(releases.folder, "2019", ["2019"])
    assert "snakemake release_2018" in str(problem.value)


def test_the_raw_answers_are_kept(releases):
    raw = releases.folder / "2018" / "metadata" / "raw"
    before = contents(raw)
    reissue_release(issue_of(releases, 1))
    assert contents(raw) == before
