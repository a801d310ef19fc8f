import gzip
import json
from dataclasses import asdict, replace

import pytest
from booru_release.files import UnreadableFile, write_lines
from booru_release.receipts import (
    Change,
    Derived,
    Downloaded,
    Original,
    Planned,
    Record,
    State,
    amended,
    lines_by_id,
    read_receipt,
    write_receipt,
)
from making import original, planned, published, record

DERIVED = Derived(
    id=7,
    md5="0" * 32,
    settings="a91cddba97",
    path="512px/0007/7.jpg",
    size=12,
    sha256="1" * 64,
    background="#ffffff",
    flags=("animated", "tiny"),
    first_release="2018",
    replaces=False,
    left=True,
)
LINES = [
    planned(7, change=Change.EXCLUDED, state=State.BANNED, reason="hidden", md5=None, url=None),
    Downloaded(7, "0" * 32, State.MISSING, "http://site/7.png: refuses (HTTP 404)"),
    original(7, state=State.CORRUPT, reason="cut short", size=None, sha256=None),
    DERIVED,
    record(7, files=(published(7), published(7, set="sfw_512px", replaces=True))),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: type(line).__name__)
def test_a_line_is_read_as_it_was_written(tmp_path, line):
    receipt = tmp_path / "0007.jsonl.gz"
    assert write_receipt(receipt, [line]) == 1
    [found] = read_receipt(receipt, type(line))
    assert found == line


def test_lines_are_in_order_of_id_and_equal_ones_give_equal_bytes(tmp_path):
    lines = [planned(post_id) for post_id in (12, 2, 1002, 7)]
    write_receipt(tmp_path / "one", lines)
    write_receipt(tmp_path / "other", reversed(lines))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert [line.id for line in read_receipt(tmp_path / "one", Planned)] == [2, 7, 12, 1002]


def test_a_receipt_of_nothing_is_read_as_nothing(tmp_path):
    assert write_receipt(tmp_path / "empty", []) == 0
    assert list(read_receipt(tmp_path / "empty", Record)) == []


def test_a_receipt_appears_whole_or_not_at_all(tmp_path):
    def lines():
        yield planned(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_receipt(tmp_path / "receipt", lines())
    assert list(tmp_path.iterdir()) == []


def test_lines_are_found_by_their_id(tmp_path):
    write_receipt(tmp_path / "receipt", [record(3), record(1)])
    assert lines_by_id(tmp_path / "receipt", Record) == {1: record(1), 3: record(3)}


def test_before_the_first_release_there_is_no_line():
    assert lines_by_id(None, Original) == {}


def test_a_missing_receipt_is_named(tmp_path):
    with pytest.raises(UnreadableFile, match="is not there") as problem:
        list(read_receipt(tmp_path / "0001.jsonl.gz", Planned))
    assert problem.value.path == tmp_path / "0001.jsonl.gz"


@pytest.mark.parametrize("keep", [10, 60, -4])
def test_a_receipt_that_was_cut_short_is_named(tmp_path, keep):
    receipt = tmp_path / "0001.jsonl.gz"
    write_receipt(receipt, [planned(post_id) for post_id in range(1, 9)])
    receipt.write_bytes(receipt.read_bytes()[:keep])
    with pytest.raises(UnreadableFile, match=r"0001.jsonl.gz: is damaged"):
        list(read_receipt(receipt, Planned))


def test_a_receipt_that_is_no_archive_is_named(tmp_path):
    (tmp_path / "receipt").write_text("{}\n")
    with pytest.raises(UnreadableFile, match="is damaged"):
        list(read_receipt(tmp_path / "receipt", Planned))


@pytest.mark.parametrize(
    ("written", "asked"), [(record(1), Planned), (Downloaded(1, "", None, None), Planned)]
)
def test_a_receipt_of_another_kind_is_named(tmp_path, written, asked):
    write_receipt(tmp_path / "receipt", [written])
    with pytest.raises(UnreadableFile, match="receipt: is no receipt of Planned lines"):
        list(read_receipt(tmp_path / "receipt", asked))


@pytest.mark.parametrize("row", [5, None, [], {"id": 1}, {**asdict(planned(1)), "state": "odd"}])
def test_rows_that_are_no_lines_are_named(tmp_path, row):
    write_lines(tmp_path / "receipt", [row])
    with pytest.raises(UnreadableFile, match="is no receipt of Planned lines"):
        list(read_receipt(tmp_path / "receipt", Planned))


def test_any_text_of_the_site_survives(tmp_path):
    odd = replace(LINES[1], reason="\u2028 \N{PILE OF POO} \x00 \ud800")
    write_receipt(tmp_path / "receipt", [odd])
    assert list(read_receipt(tmp_path / "receipt", Downloaded)) == [odd]


def test_a_receipt_is_json_that_others_can_read(tmp_path):
    write_receipt(tmp_path / "receipt", [Downloaded(7, "0" * 32, State.MISSING, "gone")])
    text = gzip.decompress((tmp_path / "receipt").read_bytes()).decode()
    row = {"id": 7, "md5": "0" * 32, "state": "missing", "reason": "gone"}
    row |= dict.fromkeys(("file_ext", "size", "url", "change", "instead_of", "rules"))
    assert text == json.dumps(row, separators=(",", ":")) + "\n"


# What a second look changes


def looked_up(**values):
    line = {"id": 7, "md5": "1" * 32, "state": None, "reason": "replaced", "file_ext": "jpg"}
    return Downloaded(**{**line, "size": 9, "url": "/new.jpg", "change": Change.NEW, **values})


def test_a_plan_stays_as_it_is_when_its_post_was_not_planned_anew():
    line = planned(7)
    assert amended(line, None) is line
    assert amended(line, Downloaded(7, "0" * 32, State.MISSING, "HTTP 404")) is line


def test_a_plan_takes_over_the_new_file():
    line = amended(planned(7, b"old"), looked_up())
    assert line == planned(
        7, md5="1" * 32, file_ext="jpg", size=9, url="/new.jpg", reason="replaced"
    )
    assert line.is_fetched


def test_what_came_of_fetching_the_new_file_is_no_part_of_the_plan():
    assert amended(planned(7), looked_up(state=State.MISMATCH)).is_fetched


def test_a_post_that_is_planned_anew_as_excluded_is_no_longer_fetched():
    found = looked_up(change=Change.EXCLUDED, state=State.BANNED, reason="banned", url=None)
    line = amended(planned(7), found)
    assert (line.change, line.state, line.reason) == (Change.EXCLUDED, State.BANNED, "banned")
    assert not line.is_fetched


def test_nothing_but_the_reason_stays_of_a_post_that_is_gone():
    found = looked_up(change=Change.GONE, state=State.WITHDRAWN, file_ext=None, size=None, url=None)
    line = amended(planned(7, first_release="2017"), found)
    gone = {"change": Change.GONE, "state": State.WITHDRAWN, "first_release": "2017"}
    nothing = dict.fromkeys(("rating", "file_ext", "md5", "size", "url"))
    assert line == planned(7, reason="replaced", **gone, **nothing)
