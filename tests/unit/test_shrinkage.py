"""Which groups of published posts became smaller than a year explains."""

import pytest
from booru_release.receipts import ON_REQUEST, State
from booru_release.shrinkage import Shrinkage, shrank
from making import record

GONE = {"state": State.WITHDRAWN, "rating": None, "file_ext": None, "md5": None}


def compared(before, now, *, years=None):
    """The findings about one bucket; each side is its records."""
    years = years or {}
    shrinkage = Shrinkage()
    shrinkage.compare(
        "0007",
        [(line, years.get(line.id, "2016")) for line in before],
        {line.id: (line, years.get(line.id, "2016")) for line in now},
    )
    return [*shrinkage.findings()]


def groups(findings):
    return [finding.what.split(" loses ")[0] for finding in findings]


def posts(first, last, **values):
    return [record(number, **values) for number in range(first, last + 1)]


# The limits


@pytest.mark.parametrize(
    ("before", "lost", "closes"),
    [
        (100, 20, False),
        (100, 21, True),
        (21, 21, True),
        (4000, 20, False),
        (4000, 21, True),
        (4200, 21, False),
        (4199, 21, True),
        (10_000_000, 50_000, False),
        (10_000_000, 50_001, True),
        (0, 0, False),
        (5, -100, False),
    ],
)
def test_a_group_may_lose_20_posts_or_half_a_percent(before, lost, closes):
    assert shrank(before, lost) is closes


def test_20_posts_of_a_bucket_may_go():
    assert compared(posts(1, 100), posts(21, 100)) == []


def test_21_posts_that_go_close_the_gate_for_each_of_their_groups():
    found = compared(posts(1, 100), posts(22, 100))
    assert [finding.what for finding in found] == [
        "bucket 0007 loses 21 of 100 published posts (21.00 %)",
        "extension png loses 21 of 100 published posts (21.00 %)",
        "rating g loses 21 of 100 published posts (21.00 %)",
        "year 2016 loses 21 of 100 published posts (21.00 %)",
    ]


def test_half_a_percent_of_many_posts_may_go_and_no_more():
    assert compared(posts(1, 4200), posts(22, 4200)) == []
    assert groups(compared(posts(1, 4200), posts(23, 4200)))[0] == "bucket 0007"


# What is a loss


def test_new_posts_make_up_for_lost_ones_in_the_groups_that_they_join():
    years = dict.fromkeys(range(101, 131), "2019")
    found = compared(posts(1, 100), posts(31, 130, rating="g"), years=years)
    assert groups(found) == ["year 2016"]


def test_a_change_of_rating_is_a_loss_of_the_rating_that_was():
    now = [*posts(1, 30, rating="s"), *posts(31, 100)]
    assert groups(compared(posts(1, 100), now)) == ["rating g"]


def test_a_change_of_type_is_a_loss_of_the_type_that_was():
    now = [*posts(1, 30, file_ext="jpg"), *posts(31, 100)]
    assert groups(compared(posts(1, 100), now)) == ["extension png"]


@pytest.mark.parametrize("state", [state for state in State if state is not State.PUBLISHED])
def test_a_post_in_any_other_state_is_published_no_more(state):
    now = [*posts(1, 21, state=state, reason="anything"), *posts(22, 100)]
    assert groups(compared(posts(1, 100), now))[0] == "bucket 0007"


def test_what_was_not_published_before_is_no_loss():
    before = [*posts(1, 50, state=State.DELETED), *posts(51, 100)]
    assert compared(before, posts(51, 100)) == []


# What is explained


def test_a_withdrawal_on_request_explains_a_loss():
    now = [*posts(1, 50, **GONE, reason=ON_REQUEST), *posts(51, 100)]
    assert compared(posts(1, 100), now) == []


def test_a_rule_of_the_configuration_explains_a_loss():
    now = [*posts(1, 50, state=State.EXCLUDED, reason="rule gore: tag gore"), *posts(51, 100)]
    assert compared(posts(1, 100), now) == []


@pytest.mark.parametrize(
    "values",
    [
        {**GONE, "reason": "banned on the site"},
        {"state": State.EXCLUDED, "reason": "uploaded after the release's last day"},
        {"state": State.EXCLUDED, "reason": None},
    ],
)
def test_what_the_site_did_explains_nothing(values):
    now = [*posts(1, 50, **values), *posts(51, 100)]
    assert groups(compared(posts(1, 100), now))[0] == "bucket 0007"


def test_only_what_is_not_explained_counts():
    now = [
        *posts(1, 30, **GONE, reason=ON_REQUEST),
        *posts(31, 51, **GONE, reason="expunged from the site"),
        *posts(52, 100),
    ]
    assert "loses 21 of 100" in compared(posts(1, 100), now)[0].what


# What is named


def test_the_first_posts_that_left_a_group_are_named():
    [bucket, *_] = compared(posts(1, 100), posts(31, 100))
    assert bucket.posts == (", ".join(f"post {number}" for number in range(1, 21)),)


def test_a_group_names_its_own_posts_alone():
    before = [*posts(1, 30, rating="q"), *posts(31, 100)]
    now = [*posts(1, 4, rating="q"), *posts(5, 30, rating="e"), *posts(31, 100)]
    [rating] = compared(before, now)
    assert rating.what == "rating q loses 26 of 30 published posts (86.67 %)"
    assert rating.posts[0].startswith("post 5, post 6, ")


def test_a_year_is_summed_up_over_all_buckets():
    shrinkage = Shrinkage()
    for number in range(30):
        line = record(number)
        shrinkage.compare(f"{number:04d}", [(line, "2016")], {})
    assert groups(shrinkage.findings()) == ["extension png", "rating g", "year 2016"]
