"""What closes a release's gates, what that says, and what a person may accept."""

import pytest
from booru_release.files import read_json, write_lines
from booru_release.gates import GateClosed, Release, judge_release
from booru_release.metadata import bucket_file
from booru_release.receipts import State, write_receipt
from making import published, record

FOLDERS = {"original": "original"}


class Years:
    """The releases 2018 and 2019, each of two buckets, to be judged."""

    def __init__(self, folder):
        self.folder, self.report = folder, folder / "2019" / "report" / "gates.json"

    def write(self, release, records, *, without_metadata=()):
        for number in range(2):
            own = [line for line in records if line.id % 2 == number]
            self.write_bucket(release, number, own)
            posts = [
                {"id": line.id, "created_at": f"{2010 + line.id % 5}-12-31T23:30:00.000-05:00"}
                for line in own
                if line.id not in without_metadata
            ]
            write_lines(bucket_file(self.folder / release / "metadata", f"000{number}"), posts)

    def write_bucket(self, release, number, records):
        receipts = self.folder / release / "receipts" / "checksum"
        write_receipt(receipts / f"000{number}.jsonl.gz", records)

    def judge(self, *, first=False, **accept):
        judge_release(
            Release("2019", self.folder / "2019"),
            None if first else Release("2018", self.folder / "2018"),
            folders=FOLDERS,
            buckets=2,
            accept=accept,
            report=self.report,
        )
        return read_json(self.report)


@pytest.fixture
def years(tmp_path):
    years = Years(tmp_path)
    years.write("2018", posts(1, 100))
    years.write("2019", posts(1, 120))
    return years


def posts(first, last, **values):
    return [filed(number, **values) for number in range(first, last + 1)]


def filed(number, **values):
    path = f"original/000{number % 2}/{number}.png"
    return record(number, files=(published(number, path=path),), **values)


def refused(years, **accept):
    with pytest.raises(GateClosed) as problem:
        years.judge(**accept)
    assert not years.report.exists()
    return str(problem.value)


def test_a_release_that_only_grew_passes(years):
    assert years.judge() == {"release": "2019", "before": "2018", "found": [], "accepted": {}}


def test_the_first_release_is_held_against_itself_alone(years):
    assert years.judge(first=True)["before"] is None
    years.report.unlink()
    years.write("2019", [record(2, state=State.FAILED, reason="HTTP 503")])
    assert "could not be fetched" in refused(years, first=True)


def test_a_release_that_shrank_is_refused_and_says_how_to_go_on(years):
    years.write("2019", posts(43, 100))
    text = refused(years)
    assert text.startswith(
        "release 2019: not staged, a gate is closed\n"
        "  shrinkage: bucket 0000 loses 21 of 50 published posts (42.00 %)\n"
        "    post 2, post 4, "
    )
    # Of five years each loses fewer than 21, which may go.
    assert "rating g loses 42 of 100 published posts (42.00 %)" in text
    assert "year" not in text
    assert text.endswith(
        "hint: if these posts are rightly gone, say why: "
        'releases.2019.accept: {shrinkage: "<why>"} in your configuration'
    )


def test_the_year_of_an_upload_is_that_of_utc(years):
    # 31 December, 23:30 at -05:00, is the next year.
    years.write("2018", posts(1, 200))
    years.write("2019", [line for line in posts(1, 200) if line.id % 5 != 1])
    assert "year 2012 loses 40 of 40 published posts (100.00 %)" in refused(years)


def test_a_post_that_no_metadata_has_is_of_an_unknown_year(years):
    years.write("2018", posts(1, 100), without_metadata=range(1, 101))
    years.write("2019", posts(61, 100), without_metadata=range(1, 101))
    assert "year unknown loses 60 of 100" in refused(years)


def test_an_accepted_shrinkage_passes_and_is_reported_with_its_reason(years):
    years.write("2019", posts(43, 100))
    accepted = years.judge(shrinkage="a purge of advertising")["accepted"]
    assert accepted["shrinkage"]["reason"] == "a purge of advertising"
    assert accepted["shrinkage"]["found"][0] == (
        "bucket 0000 loses 21 of 50 published posts (42.00 %)"
    )


def test_a_failed_post_is_refused_until_it_is_accepted(years):
    years.write("2019", [*posts(1, 100), record(101, state=State.FAILED, reason="HTTP 503")])
    text = refused(years, shrinkage="of no account here")
    assert "failed: 1 posts could not be fetched\n    post 101: HTTP 503" in text
    assert "remove releases/2019/receipts/download/<bucket>.jsonl.gz of 0001 to try" in text
    assert 'releases.2019.accept: {failed: "<why>"}' in text
    assert years.judge(failed="lost for good")["accepted"] == {
        "failed": {"reason": "lost for good", "found": ["1 posts could not be fetched"]}
    }


def test_what_is_accepted_and_does_not_happen_is_not_reported(years):
    assert years.judge(failed="in case", shrinkage="in case")["accepted"] == {}


def test_a_doubled_id_cannot_be_accepted(years):
    years.write("2019", [*posts(1, 100), filed(7)])
    text = refused(years, failed="x", shrinkage="x", duplicates="x")
    assert "duplicates: 1 records have an ID that another has\n    post 7: twice" in text
    assert "rescale/<subset> included, of 0001, and run the same command again" in text


def test_a_doubled_id_is_found_also_when_its_own_bucket_comes_first(years):
    years.write_bucket("2019", 1, [*(line for line in posts(1, 100) if line.id % 2), filed(8)])
    text = refused(years, paths="x")
    assert "duplicates: 1 records have an ID that another has\n    post 8: twice" in text
    assert "paths: 1 records or files are not where their ID says" in text


def test_a_path_that_disagrees_with_its_id_cannot_be_accepted(years):
    wrong = record(102, files=(published(102, path="original/0000/2.png"),))
    years.write("2019", [*posts(1, 100), wrong])
    assert "post 102: its file of original is original/0000/2.png" in refused(years, paths="x")


def test_each_closed_gate_is_named_with_its_way_on(years):
    years.write("2019", [*posts(60, 100), record(101, state=State.FAILED, reason="HTTP 503")])
    text = refused(years)
    assert text.count("  hint: ") == 2
    assert text.index("failed: ") < text.index("shrinkage: ")


def test_the_same_receipts_give_the_same_report(years):
    years.write("2019", posts(43, 100))
    years.judge(shrinkage="why")
    before = years.report.read_bytes()
    years.judge(shrinkage="why")
    assert years.report.read_bytes() == before
