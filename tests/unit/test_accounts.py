"""What became of each post of a release, finished or not, from what its steps have written."""

import pytest
from booru_release.accounts import TO_COME, NotBegun, accounts_of, kind_of, plain
from booru_release.downloading import failures
from booru_release.files import dump_json, dump_line, read_json
from booru_release.receipts import Change, Downloaded, State, write_receipt
from making import md5, planned, record, write_file

pytest_plugins = ["steps_conftest"]


class Begun:
    """Release 2019 of two buckets, of which some steps are done."""

    def __init__(self, folder):
        self.folder = folder

    def snapshot(self, last_id, holes):
        values = {"last_id": last_id, "holes": holes, "posts": 0, "rows": {}, "sha256": {}}
        write_file(self.folder / "metadata" / "snapshot.json", dump_json(values))

    def receipt(self, step, bucket, *lines):
        write_receipt(self.folder / "receipts" / step / f"{bucket}.jsonl.gz", lines)

    def journal(self, *lines, failed=()):
        journal = self.folder / "journal" / "download" / "0000.jsonl"
        write_file(journal, b"".join(dump_line(vars(line)) for line in lines))
        write_file(failures(journal), b"".join(dump_line(vars(line)) for line in failed))

    def count(self):
        return accounts_of(self.folder, "2019", 2)


@pytest.fixture
def release(tmp_path):
    return Begun(tmp_path / "2019")


def outcome(post, state=None, reason=None, data=b""):
    return Downloaded(post, md5(data), state, reason)


# A finished release


def test_the_counts_of_a_finished_release_are_those_that_it_publishes(two_years):
    own = two_years.folder / "2019"
    counted, written = accounts_of(own, "2019", 2), read_json(own / "accounts.json")
    parts = {"by_change": "", "by_rating": "rating ", "by_extension": "extension "}
    for state in State:
        assert counted.states[state.value] == written[state.value]
    for name, label in parts.items():
        found = {what: count for (kind, what), count in counted.published.items() if kind == label}
        assert found == written[name]
    assert (counted.done, counted.states[TO_COME]) == (2, 0)


def test_the_reasons_of_a_finished_release_are_counted_by_kind(two_years):
    reasons = accounts_of(two_years.folder / "2019", "2019", 2).reasons
    assert reasons["withdrawn", "banned on the site"] == 1
    assert reasons["withdrawn", "expunged from the site"] == 1
    assert reasons["deleted", "deleted on the site before it was ever published"] == 1


# A release that is being built


def test_a_release_without_anything_is_not_begun(release):
    with pytest.raises(NotBegun) as problem:
        release.count()
    assert str(problem.value) == (
        "release 2019: is not begun\n  hint: begin it: snakemake release_2019"
    )


def test_after_the_snapshot_everything_but_the_holes_is_to_come(release):
    release.snapshot(10, holes=3)
    assert release.count().states == {"hole": 3, TO_COME: 7}


def test_a_plan_knows_what_is_not_fetched(release):
    release.snapshot(6, holes=0)
    old = {"change": Change.UNCHANGED, "rating": "s", "file_ext": "jpg"}
    banned = {"change": Change.EXCLUDED, "state": State.BANNED, "reason": "banned on the site"}
    release.receipt("plan", "0000", planned(2), planned(4, **old), planned(6, **banned))
    counted = release.count()
    assert counted.states == {"published": 1, "banned": 1, "hole": 0, TO_COME: 4}
    assert counted.published == {
        ("", "unchanged"): 1,
        ("rating ", "s"): 1,
        ("extension ", "jpg"): 1,
    }
    assert counted.done == 0


def test_the_journal_tells_what_a_bucket_has_come_to_so_far(release):
    release.snapshot(8, holes=0)
    release.receipt("plan", "0000", planned(2), planned(4), planned(6), planned(8))
    lost = outcome(4, State.MISSING, "/original/4.png: HTTP 404")
    release.journal(lost, failed=[outcome(6, State.FAILED, "HTTP 503 (5 attempts)")])
    counted = release.count()
    assert counted.states == {"missing": 1, "failed": 1, "hole": 0, TO_COME: 6}
    assert counted.failed == {6: "HTTP 503 (5 attempts)"}


def test_what_was_settled_after_it_failed_is_no_failure(release):
    release.receipt("plan", "0000", planned(2))
    release.journal(
        outcome(2, State.MISSING, "HTTP 404"), failed=[outcome(2, State.FAILED, "HTTP 503")]
    )
    assert release.count().failed == {}


def test_a_download_s_receipt_comes_before_its_journal(release):
    release.receipt("plan", "0000", planned(2), planned(4))
    release.receipt("download", "0000", outcome(2, State.FAILED, "HTTP 503"), outcome(4))
    release.journal(failed=[outcome(4, State.FAILED, "HTTP 503")])
    assert release.count().failed == {2: "HTTP 503"}


def test_a_bucket_that_is_done_counts_by_its_last_receipt(release):
    release.receipt("plan", "0000", planned(2))
    release.receipt("checksum", "0000", record(2))
    release.receipt("checksum", "0001", record(1), record(3, state=State.FAILED, reason="why"))
    counted = release.count()
    assert (counted.done, counted.last_id) == (2, 3)
    assert counted.states == {"published": 2, "failed": 1, "hole": 0, TO_COME: 0}


def test_ids_without_a_line_are_holes_once_every_bucket_has_its_lines(release):
    release.snapshot(9, holes=7)
    gone = record(1, state=State.WITHDRAWN, reason="expunged from the site")
    release.receipt("checksum", "0000", record(2))
    assert release.count().states[State.HOLE.value] == 7
    release.receipt("checksum", "0001", gone, record(3))
    assert release.count().states == {"published": 2, "withdrawn": 1, "hole": 6, TO_COME: 0}


# Kinds of reasons


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("HTTP 503 (5 attempts)", "HTTP … (… attempts)"),
        ("1,234 bytes instead of 5678", "… bytes instead of …"),
        (f"/original/ab/cd/abcd{'0' * 28}.png: HTTP 404", "/original/….png: HTTP …"),
        (f"md5 {'a' * 32} instead of {'b' * 32}", "md5 … instead of …"),
        (f"sha256 {'a' * 64}", "sha256 …"),
        ("http://127.0.0.1:4321/x: no answer", "http://…/x: no answer"),
        ("40x30 pixels instead of 41x30", "…x… pixels instead of …x…"),
        ("banned on the site", "banned on the site"),
        ("rule top100: tag 18+", "rule top100: tag 18+"),
        ("deadbeef is a word", "deadbeef is a word"),
    ],
)
def test_equal_kinds_of_reasons_are_one(reason, kind):
    assert kind_of(reason) == kind


def test_a_reason_can_do_nothing_to_a_terminal():
    assert plain("a\x1b[2J\nb\u202e") == "a?[2J?b?"
    assert kind_of("rule x: \x1b[2J") == "rule x: ?[2J"
