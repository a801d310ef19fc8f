import pytest
from booru_release.withdrawals import BadWithdrawals, Withdrawal, read_withdrawals, withdrawn_ids

GOOD = '{"id": 123, "date": "2020-02-01", "reason": "the artist asked"}'


@pytest.fixture
def listed(tmp_path):
    """Read a list with these lines."""

    def read(*lines):
        path = tmp_path / "withdrawals.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines))
        return read_withdrawals(path)

    return read


def test_a_list_names_posts_with_a_day_and_a_reason(listed):
    assert listed(GOOD) == [Withdrawal(123, "2020-02-01", "the artist asked")]


def test_posts_are_in_order_and_blank_lines_are_nothing(listed):
    posts = listed(GOOD, "", GOOD.replace("123", "7"), "  ")
    assert [post.id for post in posts] == [7, 123]


def test_no_list_withdraws_nothing(tmp_path):
    assert withdrawn_ids(tmp_path / "withdrawals.jsonl") == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("withdraw 123 please", "Expecting value"),
        ("[123]", "is no JSON object"),
        (GOOD.replace('"id": 123, ', ""), "missing key `id`"),
        (GOOD.replace("reason", "why"), "unknown key `why`"),
        (GOOD.replace("123", '"123"'), "the ID is '123'"),
        (GOOD.replace("123", "0"), "the ID is 0"),
        (GOOD.replace("123", "true"), "the ID is True"),
        (GOOD.replace("2020-02-01", "2020-02-31"), "day is out of range"),
        (GOOD.replace("2020-02-01", "yesterday"), "yesterday"),
        (GOOD.replace("the artist asked", " "), "`reason` is ' '"),
        (GOOD, "post 123 is there already"),
    ],
)
def test_a_wrong_line_is_named_with_its_number(listed, tmp_path, line, what):
    with pytest.raises(BadWithdrawals) as problem:
        listed(GOOD, "", line)
    assert str(problem.value).startswith(f"{tmp_path}/withdrawals.jsonl, line 3: ")
    assert what in str(problem.value)
    assert 'hint: a line is {"id": 123' in str(problem.value)
    assert problem.value.line == 3
