import datetime
from dataclasses import replace

import pytest
from booru_release.exclusions import NO_EXCLUSIONS, Exclusions, Rule
from booru_release.files import dump_json, write_bytes, write_lines
from booru_release.metadata import Snapshot
from booru_release.planning import Rules, plan_again, plan_bucket, tombstone
from booru_release.posts import parse_post
from booru_release.receipts import (
    ON_REQUEST,
    Change,
    Planned,
    State,
    read_receipt,
    write_receipt,
)
from booru_release.snapshot import bucket_file
from making import md5, original, record

OLD, NEW = md5(b"old"), md5(b"new")
RULES = Rules(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), fetch_deleted=False)


def row(post_id=2, **values):
    """A post as the site sends it."""
    return {
        "id": post_id,
        "created_at": "2018-06-01T08:00:00.000-04:00",
        "rating": "g",
        "md5": OLD,
        "file_ext": "png",
        "file_size": 3,
        "file_url": f"/original/{post_id}.png",
        "tag_string": "sky",
        "is_deleted": False,
        "is_banned": False,
        **values,
    }


@pytest.fixture
def plan(tmp_path):
    """Plan bucket 0000 of 2019 for the posts of the site, after what 2018 says."""

    def plan(*rows, before=None, rules=RULES, originals=None):
        write_lines(bucket_file(tmp_path, "0000"), rows)
        previous = None if before is None else tmp_path / "previous"
        if previous:
            write_receipt(previous, before)
        hashes = None if originals is None else tmp_path / "originals"
        if hashes:
            write_receipt(hashes, originals)
        plan_bucket(
            tmp_path,
            "0000",
            previous=previous,
            rules=rules,
            receipt=tmp_path / "plan",
            originals=hashes,
        )
        return list(read_receipt(tmp_path / "plan", Planned))

    return plan


def old_record(**values):
    return record(2, b"old", **values)


def rules_of(read_on=None, **settings):
    values = {"last_upload": "2019-12-31", "fetch_deleted": False, **settings}
    snapshot = Snapshot(9, 9, 0, {}, {}, read_on)
    return Rules.of(values, snapshot, NO_EXCLUSIONS)


REASONS = {
    Change.NEW: "no release before has published it",
    Change.REPLACED: "the site has another file than was published",
    Change.UNCHANGED: "the file is the one that the release before published",
}


def wanted(change, first_release, **values):
    line = {
        "id": 2,
        "change": change,
        "state": None,
        "reason": REASONS.get(change),
        "rating": "g",
        "file_ext": "png",
        "md5": OLD,
        "size": 3,
        "url": "/original/2.png",
        "first_release": first_release,
    }
    return Planned(**{**line, **values})


def unwanted(state, reason, *, first_release=None, **values):
    return wanted(Change.EXCLUDED, first_release, state=state, reason=reason, url=None, **values)


def withdrawn(reason):
    nothing = dict.fromkeys(("rating", "file_ext", "md5", "size", "url"))
    return wanted(Change.GONE, "2018", state=State.WITHDRAWN, reason=reason, **nothing)


def test_a_post_that_no_release_has_is_new(plan):
    assert plan(row()) == plan(row(), before=[]) == [wanted(Change.NEW, None)]


def test_a_post_with_the_same_file_is_unchanged(plan):
    assert plan(row(), before=[old_record()]) == [wanted(Change.UNCHANGED, "2018")]


def test_a_new_rating_does_not_change_the_file(plan):
    [line] = plan(row(rating="q"), before=[old_record()])
    assert line == wanted(Change.UNCHANGED, "2018", rating="q")


def test_a_post_with_another_file_is_replaced(plan):
    [line] = plan(row(md5=NEW), before=[old_record()])
    assert line == wanted(Change.REPLACED, "2018", md5=NEW)


def test_another_extension_is_another_file(plan):
    [line] = plan(row(file_ext="jpg"), before=[old_record()])
    assert line == wanted(Change.REPLACED, "2018", file_ext="jpg")


def test_pending_and_flagged_posts_are_published_as_any_other(plan):
    [line] = plan(row(is_pending=True, is_flagged=True))
    assert line == wanted(Change.NEW, None)


def test_a_post_that_was_deleted_before_it_was_published_is_not_fetched(plan):
    why = "deleted on the site before it was ever published"
    assert plan(row(is_deleted=True)) == [unwanted(State.DELETED, why)]
    before = [old_record(state=State.DELETED, first_release=None)]
    assert plan(row(is_deleted=True), before=before) == [unwanted(State.DELETED, why)]


def test_a_deleted_post_is_fetched_if_the_configuration_asks_for_it(plan):
    rules = Rules(RULES.end, fetch_deleted=True)
    assert plan(row(is_deleted=True), rules=rules) == [wanted(Change.NEW, None)]


def test_a_post_that_was_deleted_after_it_was_published_stays(plan):
    [line] = plan(row(is_deleted=True), before=[old_record()])
    assert line == wanted(Change.UNCHANGED, "2018")


def test_a_post_that_comes_back_from_deletion_is_new(plan):
    before = [old_record(state=State.DELETED, first_release=None)]
    assert plan(row(), before=before) == [wanted(Change.NEW, None)]


def test_a_banned_post_that_was_never_published_is_only_counted(plan):
    [line] = plan(row(is_banned=True, md5=None, file_url=None))
    assert line == unwanted(State.BANNED, "banned on the site", md5=None)


def test_a_banned_post_that_was_published_is_withdrawn(plan):
    [line] = plan(row(is_banned=True, md5=None, file_url=None), before=[old_record()])
    assert line == withdrawn("banned on the site")


def test_a_hidden_file_counts_as_a_banned_one(plan):
    hidden = row(md5=None)
    assert plan(hidden) == [unwanted(State.BANNED, "the site hides its file", md5=None)]
    assert plan(hidden, before=[old_record()]) == [withdrawn("the site hides its file")]


def test_a_file_without_an_address_counts_as_a_banned_one(plan):
    why = "the site gives no address for its file"
    assert plan(row(file_url=None)) == [unwanted(State.BANNED, why)]
    assert plan(row(file_url=None), before=[old_record()]) == [withdrawn(why)]


def test_an_expunged_post_that_was_never_published_is_a_hole(plan):
    assert plan(before=[old_record(state=State.DELETED, first_release=None)]) == []


def test_an_expunged_post_that_was_published_is_withdrawn(plan):
    assert plan(before=[old_record()]) == [withdrawn("expunged from the site")]


def test_a_withdrawn_post_keeps_its_first_reason(plan):
    gone = old_record(state=State.WITHDRAWN, reason="banned on the site", md5=None, file_ext=None)
    assert plan(before=[gone]) == [withdrawn("banned on the site")]


def test_a_post_that_returns_after_it_was_withdrawn_is_replaced(plan):
    gone = old_record(state=State.WITHDRAWN, reason="banned on the site", md5=None, file_ext=None)
    assert plan(row(), before=[gone]) == [wanted(Change.REPLACED, "2018")]


def test_a_withdrawn_post_that_is_shown_again_as_deleted_stays_withdrawn(plan):
    gone = old_record(state=State.WITHDRAWN, reason="banned on the site", md5=None, file_ext=None)
    assert plan(row(is_deleted=True), before=[gone]) == [withdrawn("banned on the site")]


@pytest.mark.parametrize(
    "moment",
    [
        "2019-12-31T23:59:59.999Z",
        "2019-12-31T18:59:59.999-05:00",
        "2020-01-01T08:59:59.999+09:00",
        "2019-12-31T23:59:59.999",
    ],
)
def test_the_last_moment_of_the_last_day_belongs_to_the_release(plan, moment):
    assert plan(row(created_at=moment)) == [wanted(Change.NEW, None)]


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00.000Z", "2019-12-31T19:00:00.000-05:00"])
def test_the_first_moment_of_the_next_day_does_not(plan, moment):
    [line] = plan(row(created_at=moment))
    assert line == unwanted(State.EXCLUDED, "uploaded after the release's last day")


@pytest.mark.parametrize("ext", ["heic", "php", "exe"])
def test_an_unknown_extension_is_excluded(plan, ext):
    [line] = plan(row(file_ext=ext))
    assert line == unwanted(State.EXCLUDED, f"files of type {ext} are not known", file_ext=ext)


@pytest.mark.parametrize("ext", ["../etc", "PNG", "png/..", "png\n", "p\0ng", "", None, 7, ["png"]])
def test_a_hostile_extension_never_becomes_part_of_a_plan(plan, ext):
    [line] = plan(row(file_ext=ext))
    assert line == unwanted(State.EXCLUDED, "its file has no type", file_ext=None)


@pytest.mark.parametrize("bad", ["../../etc/passwd", "A" * 32, OLD + "\n", OLD[:-1], 5, [OLD], ""])
def test_a_hostile_md5_never_becomes_part_of_a_plan(plan, bad):
    [line] = plan(row(md5=bad))
    assert line == unwanted(State.BANNED, "the site hides its file", md5=None)


def test_a_corrupt_file_stays_corrupt_while_it_is_the_same(plan):
    corrupt = old_record(state=State.CORRUPT, reason="cut short", first_release=None)
    [line] = plan(row(), before=[corrupt])
    assert line == wanted(Change.UNCHANGED, None, state=State.CORRUPT, reason="cut short")


def test_another_file_in_place_of_a_corrupt_one_is_new(plan):
    corrupt = old_record(state=State.CORRUPT, reason="cut short", first_release=None)
    assert plan(row(md5=NEW), before=[corrupt]) == [wanted(Change.NEW, None, md5=NEW)]


@pytest.mark.parametrize("state", [State.MISSING, State.MISMATCH])
def test_what_was_not_to_be_had_is_tried_again_the_next_year(plan, state):
    before = [old_record(state=state, reason="HTTP 404", first_release=None)]
    assert plan(row(), before=before) == [wanted(Change.NEW, None)]


def test_a_published_post_whose_newer_file_has_no_known_type_keeps_the_file_it_has(plan):
    record = old_record()
    [line] = plan(row(md5=NEW, file_ext="heic"), before=[record])
    assert (line.state, line.change) == (None, Change.UNCHANGED)
    assert (line.md5, line.file_ext) == (record.md5, record.file_ext)
    assert line.reason == "the site's newer file: files of type heic are not known"


def test_a_post_that_was_excluded_after_its_publication_returns_as_replaced(plan):
    excluded = old_record(state=State.EXCLUDED, md5=NEW, file_ext="heic")
    # Its place in the torrents of 2018 is taken, so what comes next has to travel as replaced.
    [line] = plan(row(md5=NEW), before=[excluded])
    assert line == wanted(Change.REPLACED, "2018", md5=NEW)


# Rules of exclusion


def excluding(*rules):
    on_arrival = tuple(rule for rule in rules if rule.needs_bytes)
    return replace(RULES, exclusions=Exclusions(tuple({*rules} - {*on_arrival}), on_arrival))


SKY = excluding(Rule("rule sky: why", (lambda post: "sky" in post.tags,)))


def ruled_out(reason="rule sky: why", **values):
    return unwanted(State.EXCLUDED, reason, md5=None, size=None, **values)


def test_a_post_that_a_rule_keeps_out_is_not_named_by_its_hash(plan):
    assert plan(row(), rules=SKY) == [ruled_out()]
    assert plan(row(tag_string="sea"), rules=SKY) == [wanted(Change.NEW, None)]


def test_a_rule_counts_for_what_an_earlier_release_published(plan):
    assert plan(row(), rules=SKY, before=[old_record()]) == [ruled_out(first_release="2018")]


def test_a_rule_says_more_than_a_deletion_and_an_unknown_type(plan):
    assert plan(row(is_deleted=True), rules=SKY) == [ruled_out()]
    assert plan(row(file_ext="heic"), rules=SKY) == [ruled_out(file_ext="heic")]


def test_what_the_site_hides_needs_no_rule(plan):
    hidden = row(md5=None, is_banned=True)
    assert plan(hidden, rules=SKY) == [unwanted(State.BANNED, "banned on the site", md5=None)]
    assert plan(hidden, rules=SKY, before=[old_record()]) == [withdrawn("banned on the site")]


def test_a_published_file_is_excluded_by_its_md5_although_the_site_has_another_now(plan):
    rules = excluding(Rule("rule old: why", md5=frozenset({OLD})))
    [line] = plan(row(md5=NEW), rules=rules, before=[old_record()])
    assert line == ruled_out("rule old: why", first_release="2018")


@pytest.mark.parametrize("hashed", ["served_sha256", "sha256"])
def test_a_published_file_is_excluded_by_either_sha256_without_being_opened(plan, hashed):
    rules = excluding(Rule("rule old: why", sha256=frozenset({"ab" * 32})))
    known = original(2, b"old", **{hashed: "ab" * 32})
    [line] = plan(row(), rules=rules, before=[old_record()], originals=[known])
    assert line == ruled_out("rule old: why", first_release="2018")
    [other] = plan(row(), rules=rules, before=[old_record()], originals=[original(2, b"old")])
    assert other == wanted(Change.UNCHANGED, "2018")


def test_a_corrupt_file_has_no_hash_that_a_rule_could_ask_for(plan):
    rules = excluding(Rule("rule old: why", sha256=frozenset({"ab" * 32})))
    corrupt = old_record(state=State.CORRUPT, reason="cut short", first_release=None)
    known = original(2, b"old", state=State.CORRUPT, served_sha256="ab" * 32, sha256=None)
    [line] = plan(row(), rules=rules, before=[corrupt], originals=[known])
    assert (line.state, line.change) == (State.CORRUPT, Change.UNCHANGED)


# The embargo


EMBARGO = "younger than the embargo of 30 days when the site was read"


@pytest.mark.parametrize(
    ("read_on", "created_at", "fresh"),
    [
        # Without a day in the snapshot, the site was read when the last day had ended.
        (None, "2019-12-02T00:00:00.000Z", False),
        (None, "2019-12-02T00:00:00.001Z", True),
        (None, "2019-12-31T23:59:59.999Z", True),
        ("2020-01-01", "2019-12-02T00:00:00.000Z", False),
        ("2020-01-01", "2019-12-02T00:00:00.001Z", True),
        ("2020-01-20", "2019-12-21T00:00:00.000Z", False),
        ("2020-01-20", "2019-12-20T19:00:00.001-05:00", True),
        ("2020-03-01", "2019-12-31T23:59:59.999Z", False),
    ],
)
def test_an_embargo_counts_from_the_day_on_which_the_site_was_read(
    plan, read_on, created_at, fresh
):
    rules = rules_of(read_on, embargo_days=30)
    [line] = plan(row(created_at=created_at), rules=rules)
    assert line == (unwanted(State.EXCLUDED, EMBARGO) if fresh else wanted(Change.NEW, None))


def test_what_waited_for_an_embargo_is_new_in_the_next_release(plan):
    [waiting] = plan(row(created_at="2019-12-31T00:00:00Z"), rules=rules_of(embargo_days=30))
    before = [old_record(state=State.EXCLUDED, reason=waiting.reason, first_release=None)]
    assert plan(row(created_at="2019-12-31T00:00:00Z"), before=before) == [wanted(Change.NEW, None)]


def test_what_was_published_already_is_under_no_embargo(plan):
    fresh = row(created_at="2019-12-31T00:00:00Z")
    [line] = plan(fresh, rules=rules_of(embargo_days=30), before=[old_record()])
    assert line == wanted(Change.UNCHANGED, "2018")


def test_no_embargo_is_none(plan):
    assert rules_of("2019-12-31", embargo_days=0).fresh_from is None


def test_every_post_has_one_line_in_order_of_its_id(plan):
    before = [record(post_id, b"old") for post_id in (8, 2, 6)]
    lines = plan(row(4), row(2), before=before)
    assert [(line.id, line.change) for line in lines] == [
        (2, Change.UNCHANGED),
        (4, Change.NEW),
        (6, Change.GONE),
        (8, Change.GONE),
    ]


def test_the_rules_come_from_the_settings():
    assert rules_of(embargo_days=0) == RULES


# A second look


def again(tmp_path, post, previous):
    settings, snapshot = tmp_path / "plan.json", tmp_path / "snapshot.json"
    settings.write_text('{"last_upload": "2019-12-31", "fetch_deleted": false, "embargo_days": 0}')
    snapshot.write_bytes(dump_json(vars(Snapshot(9, 9, 0, {}, {}))))
    return plan_again(
        post,
        settings=settings,
        snapshot=snapshot,
        exclusions=NO_EXCLUSIONS,
        previous=previous,
    )


@pytest.mark.parametrize(
    ("values", "change"),
    [
        ({"md5": NEW}, Change.REPLACED),
        ({}, Change.UNCHANGED),
        ({"md5": None, "is_banned": True}, Change.GONE),
        ({"created_at": "2020-01-01T00:00:00Z"}, Change.EXCLUDED),
    ],
)
def test_a_post_is_planned_again_by_the_rules_of_its_bucket(tmp_path, plan, values, change):
    plan(row(), before=[old_record(), record(4, b"other")])
    line = again(tmp_path, parse_post(row(**values)), tmp_path / "previous")
    assert [line] == plan(row(**values), before=[old_record()])
    assert line.change is change


def test_a_post_of_the_first_release_is_planned_again_as_new(tmp_path):
    line = again(tmp_path, parse_post(row(md5=NEW)), None)
    assert (line.change, line.md5) == (Change.NEW, NEW)


# Posts that are withdrawn on request


@pytest.fixture
def on_request(plan, tmp_path):
    """Plan a bucket with withdrawn posts, for a site whose last post in time has this ID."""

    def on_request(*ids, rows=(), before=None, last_id=8):
        snapshot = {"last_id": last_id, "posts": 0, "holes": 0, "rows": {}, "sha256": {}}
        write_bytes(tmp_path / "snapshot.json", dump_json(snapshot))
        rules = replace(RULES, withdrawn=frozenset(ids))
        return plan(*rows, before=before, rules=rules)

    return on_request


def test_a_tombstone_says_only_that_it_is_one():
    line = tombstone(7)
    said = {name: value for name, value in vars(line).items() if value is not None}
    assert said == {
        **{"id": 7, "change": Change.GONE, "state": State.WITHDRAWN, "reason": ON_REQUEST}
    }
    assert line.is_tombstone
    assert not line.is_fetched


@pytest.mark.parametrize("rows", [(), (row(),)])
@pytest.mark.parametrize("before", [None, [record(2, b"old")]])
def test_a_withdrawn_post_is_a_tombstone_whatever_it_was(on_request, rows, before):
    assert on_request(2, rows=rows, before=before) == [tombstone(2)]


def test_a_withdrawn_post_that_never_was_is_a_tombstone_up_to_the_last_id(on_request):
    assert on_request(4, 8, 10) == [tombstone(4), tombstone(8)]


def test_a_release_before_may_know_of_later_ids(on_request):
    assert on_request(10, before=[record(10, b"old")]) == [tombstone(10)]


def test_the_others_are_planned_as_ever(on_request, plan):
    alone = plan(row(4), before=[record(6, b"old")])
    assert on_request(2, rows=[row(2), row(4)], before=[record(6, b"old")]) == [
        tombstone(2),
        *alone,
    ]
