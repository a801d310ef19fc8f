"""The accounts of a release as a table for people, with those of the release before beside it."""

import pytest
from booru_release.accounts import TO_COME, Accounts, NotBegun
from booru_release.accounts_table import WIDTH, Row, signed, table_of, tell_accounts
from booru_release.receipts import State

pytest_plugins = ["steps_conftest"]


def accounts(release, *, done=2, **states):
    counted = Accounts(release, 2, done=done)
    counted.states.update(states)
    return counted


def line_of(table, label):
    [line] = [line for line in table.splitlines() if line.startswith(label)]
    return line[len(label) :].split()


def test_each_state_has_this_release_the_one_before_and_the_difference():
    table = table_of(accounts("2019", published=1_234_567), accounts("2018", published=1_200_000))
    assert line_of(table, "published") == ["1,234,567", "1,200,000", "+34,567"]
    assert line_of(table, "failed") == ["0", "0", "0"]
    assert line_of(table, "sum") == ["1,234,567", "1,200,000", "+34,567"]


def test_the_columns_have_a_fixed_width():
    table = table_of(accounts("2019", published=9, hole=12), accounts("2018", published=1_000))
    assert table.splitlines()[:3] == [
        "accounts of release 2019: 2 of 2 buckets are done",
        " " * WIDTH + "          2019          2018    difference",
        f"{'published':{WIDTH}}" + "             9         1,000          -991",
    ]
    assert {len(line) for line in table.splitlines()[1:]} == {WIDTH + 42}


def test_the_first_release_has_nothing_beside_it():
    table = table_of(accounts("2018", published=9), None)
    assert line_of(table, "published") == ["9", "-", "-"]


def test_the_order_is_that_of_the_states():
    table = table_of(accounts("2019", done=1, **{TO_COME: 4}), None)
    rows = [line.split()[0] for line in table.splitlines()[2:]]
    assert rows == [*(state.value for state in State), "to", "sum"]


def test_what_is_to_come_is_told_while_there_is_any():
    assert "to come" not in table_of(accounts("2019"), accounts("2018"))
    table = table_of(accounts("2019", done=1, **{TO_COME: 4}), accounts("2018"))
    assert table.startswith("accounts of release 2019: 1 of 2 buckets are done\n")
    assert line_of(table, "to come") == ["4", "0", "+4"]


def test_reasons_stand_below_their_state_the_most_frequent_first():
    now, before = accounts("2019", corrupt=3), accounts("2018", corrupt=5)
    now.reasons.update({("corrupt", "cut"): 1, ("corrupt", "no picture"): 2})
    before.reasons.update({("corrupt", "empty"): 5})
    lines = table_of(now, before).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("corrupt"))
    below = [line.split("  ")[2] for line in lines[first + 1 : first + 4]]
    assert below == ["empty", "no picture", "cut"]


def test_published_posts_stand_by_change_rating_and_extension():
    now = accounts("2019", published=2)
    now.published.update([("", "unchanged"), ("", "new"), ("extension ", "png"), ("rating ", "g")])
    lines = [line[:20].strip() for line in table_of(now, None).splitlines()[3:7]]
    assert lines == ["new", "unchanged", "rating g", "extension png"]


def test_failed_posts_are_named_at_the_end():
    now = accounts("2019", failed=1200)
    now.failed = dict.fromkeys(range(1200, 0, -1), "no answer")
    lines = table_of(now, None).splitlines()
    start = lines.index("1,200 failed posts:")
    assert lines[start + 1] == "    post 1: no answer"
    assert lines[-1] == "    and 200 more"


def test_a_long_reason_leaves_the_columns_where_they_are():
    text = Row("    " + "x" * 200, 1, 2).text()
    assert text.startswith("    xxx")
    assert text[WIDTH - 1 : WIDTH + 14] == "…             1"


def test_a_difference_has_its_sign():
    assert [signed(number) for number in (1_000, 0, -1_000)] == ["+1,000", "0", "-1,000"]


def test_the_table_is_written_and_returned(two_years, tmp_path):
    output = tmp_path / "accounts.txt"
    table = tell_accounts(two_years.folder, "2019", "2018", buckets=2, output=output)
    assert output.read_text() == table
    assert line_of(table, "published") == ["9", "8", "+1"]
    assert line_of(table, "sum") == ["15", "12", "+3"]


def test_a_release_before_that_is_not_begun_is_left_out(two_years, tmp_path):
    output = tmp_path / "accounts.txt"
    table = tell_accounts(two_years.folder, "2019", "2017", buckets=2, output=output)
    assert line_of(table, "published") == ["9", "-", "-"]


def test_a_release_that_is_not_begun_is_an_error(two_years, tmp_path):
    output = tmp_path / "accounts.txt"
    with pytest.raises(NotBegun):
        tell_accounts(two_years.folder, "2017", None, buckets=2, output=output)
    assert not output.exists()
