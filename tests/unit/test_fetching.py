import json

import pytest
from booru_release.exclusions import Exclusions, Rule
from booru_release.fetching import Fetcher, Held, is_wall
from booru_release.files import dump_json, write_bytes, write_lines
from booru_release.library import Library
from booru_release.metadata import Snapshot, bucket_file
from booru_release.planning import plan_again
from booru_release.receipts import Change, State, amended, write_receipt
from booru_release.screening import NO_SCREENING, Screening
from booru_release.site_problems import (
    AskedToWait,
    CredentialsNeeded,
    ForeignAddress,
    SiteDown,
    SiteRefuses,
    UnexpectedAnswer,
    WebPage,
    WrongBytes,
)
from making import md5, original, planned, record, sha256, site_at, write_file
from web import Reply, file, page, refusal

OLD, NEW = b"old picture", b"new picture!"
LINE = planned(7, OLD, url="/old.png")
REPLACED = "the site replaced the file after its metadata was read"


def post(**values):
    """Post 7 as the site describes it; it has another file than the plan's."""
    row = {
        "id": 7,
        "created_at": "2018-06-01T12:00:00Z",
        "rating": "g",
        "md5": md5(NEW),
        "file_ext": "png",
        "file_size": len(NEW),
        "file_url": "/new.png",
        "is_deleted": False,
        "is_banned": False,
    }
    return Reply(body=json.dumps({**row, **values}).encode())


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library")


@pytest.fixture
def fetch(web, library, tmp_path):
    """Fetch post 7; `before` is what the release before says of it."""

    def fetch(line=LINE, *, before=None, known=None, screening=NO_SCREENING, **settings):
        path, previous = tmp_path / "plan.json", None
        values = {"last_upload": "2018-12-31", "fetch_deleted": False, "embargo_days": 0}
        write_bytes(path, dump_json({**values, **settings}))
        snapshot = tmp_path / "snapshot.json"
        write_bytes(snapshot, dump_json(vars(Snapshot(9, 9, 0, {}, {}))))
        if before is not None:
            previous = tmp_path / "previous"
            write_receipt(previous, [before])

        def again(post):
            return plan_again(
                post,
                settings=path,
                snapshot=snapshot,
                exclusions=screening.exclusions,
                previous=previous,
            )

        held = Held("0007", library, known or {})
        outcome, _ = Fetcher(site_at(web.url), held, again, screening).fetch(line)
        return outcome

    return fetch


def fetched(library):
    return {path.name: path.read_bytes() for path in library.root.rglob("*.png")}


def test_a_file_as_it_was_planned_needs_no_second_look(web, fetch, library):
    web.put("/old.png", file(OLD))
    assert (fetch().state, fetch().change) == (None, None)
    assert set(web.paths) == {"/old.png"}
    assert fetched(library) == {f"7.{md5(OLD)}.png": OLD}


@pytest.mark.parametrize("gone", [refusal(404), refusal(410), file(NEW)])
def test_a_file_that_the_site_replaced_comes_in_its_place(web, fetch, library, gone):
    web.put("/old.png", gone)
    web.put("/posts/7.json", post())
    web.put("/new.png", file(NEW))
    outcome = fetch()
    assert (outcome.state, outcome.reason, outcome.change) == (None, REPLACED, Change.NEW)
    line = amended(LINE, outcome)
    assert (line.md5, line.size, line.url) == (md5(NEW), len(NEW), "/new.png")
    assert fetched(library) == {f"7.{md5(NEW)}.png": NEW}
    assert web.paths.count("/posts/7.json") == 1


def test_a_file_that_moved_is_fetched_where_it_is_now(web, fetch, library):
    web.put("/posts/7.json", post(md5=md5(OLD), file_size=len(OLD)))
    web.put("/new.png", file(OLD))
    outcome = fetch()
    assert (outcome.state, outcome.md5) == (None, md5(OLD))
    assert outcome.reason == "the site moved the file after its metadata was read"
    assert amended(LINE, outcome).url == "/new.png"
    assert fetched(library) == {f"7.{md5(OLD)}.png": OLD}


def test_a_replaced_file_that_the_library_has_is_not_fetched(web, fetch, library):
    web.put("/posts/7.json", post())
    write_file(library.incoming("0007", 7, md5(NEW), "png"), NEW)
    assert fetch().state is None
    assert "/new.png" not in web.paths


def test_a_post_that_did_not_change_keeps_its_first_problem(web, fetch):
    web.put("/posts/7.json", post(md5=md5(OLD), file_size=len(OLD), file_url="/old.png"))
    outcome = fetch()
    assert (outcome.state, outcome.reason) == (State.MISSING, "/old.png: refuses (HTTP 404)")
    assert outcome.change is None
    web.put("/old.png", file(NEW))
    assert fetch().state is State.MISMATCH


def test_a_post_that_the_site_expunged_is_missing(web, fetch):
    outcome = fetch()
    assert outcome.state is State.MISSING
    assert outcome.reason == "/old.png: refuses (HTTP 404); the site has expunged the post"


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (refusal(503), "HTTP 503"),
        (refusal(403), "HTTP 403"),
        (page(), "answers text/html instead of JSON"),
        (Reply(body=b"[]"), "answers no post"),
        (Reply(body=b"{"), "broken JSON"),
        (post(id=8), "answers with post 8"),
        (post(created_at="soon"), "uploaded at"),
    ],
)
def test_a_second_look_that_shows_nothing_settles_nothing(web, fetch, trouble, why):
    web.put("/posts/7.json", trouble)
    outcome = fetch()
    assert outcome.state is State.FAILED
    assert outcome.reason.startswith("/old.png: refuses (HTTP 404); and looking again: ")
    assert why in outcome.reason
    assert web.url not in outcome.reason


def test_a_site_that_asks_for_credentials_stops_everything(web, fetch):
    web.put("/posts/7.json", refusal(401))
    with pytest.raises(CredentialsNeeded):
        fetch()


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (refusal(404), State.MISSING),
        (file(OLD), State.MISMATCH),
        (page(), State.MISMATCH),
        (refusal(503), State.FAILED),
    ],
)
def test_a_new_file_that_is_not_to_be_had_either_is_asked_for_once(web, fetch, answer, state):
    web.put("/posts/7.json", post())
    web.put("/new.png", answer)
    outcome = fetch()
    assert (outcome.state, outcome.md5) == (state, md5(NEW))
    assert outcome.reason.startswith(f"{REPLACED}: /new.png: ")
    assert web.paths.count("/posts/7.json") == 1
    assert amended(LINE, outcome).state is None


@pytest.mark.parametrize(
    ("values", "state", "reason"),
    [
        ({"is_banned": True, "md5": None}, State.BANNED, "banned on the site"),
        ({"file_url": None}, State.BANNED, "the site gives no address for its file"),
        (
            {"is_deleted": True},
            State.DELETED,
            "deleted on the site before it was ever published",
        ),
        ({"file_ext": "exe"}, State.EXCLUDED, "files of type exe are not known"),
        (
            {"created_at": "2019-01-01T00:00:00Z"},
            State.EXCLUDED,
            "uploaded after the release's last day",
        ),
    ],
)
def test_a_post_that_no_longer_belongs_is_planned_as_any(web, fetch, values, state, reason):
    web.put("/posts/7.json", post(**values))
    web.put("/new.png", file(NEW))
    outcome = fetch()
    assert (outcome.state, outcome.reason) == (state, reason)
    line = amended(LINE, outcome)
    assert (line.change, line.state, line.reason) == (Change.EXCLUDED, state, reason)
    assert "/new.png" not in web.paths


def test_a_published_post_that_the_site_bans_meanwhile_is_withdrawn(web, fetch):
    web.put("/posts/7.json", post(md5=None, is_banned=True))
    line = planned(7, OLD, url="/old.png", change=Change.REPLACED, first_release="2017")
    outcome = fetch(line, before=record(7, b"first", first_release="2017"))
    planned_anew = amended(line, outcome)
    assert (planned_anew.change, planned_anew.state) == (Change.GONE, State.WITHDRAWN)
    assert (planned_anew.md5, planned_anew.url, planned_anew.rating) == (None, None, None)
    assert planned_anew.first_release == "2017"


def test_a_replacement_that_was_taken_back_leaves_what_was_published(web, fetch):
    web.put("/posts/7.json", post(md5=md5(b"first"), file_size=5))
    line = planned(7, OLD, url="/old.png", change=Change.REPLACED, first_release="2017")
    outcome = fetch(line, before=record(7, b"first", first_release="2017"))
    planned_anew = amended(line, outcome)
    assert (planned_anew.change, planned_anew.state) == (Change.UNCHANGED, None)
    assert planned_anew.md5 == md5(b"first")
    assert "/new.png" not in web.paths


@pytest.mark.parametrize(
    "rules",
    [
        ((Rule("rule a: why", md5=frozenset({md5(NEW)})),), ()),
        ((), (Rule("rule a: why", sha256=frozenset({sha256(NEW)})),)),
    ],
)
def test_a_second_look_obeys_the_rules_that_keep_posts_out(web, fetch, library, tmp_path, rules):
    web.put("/posts/7.json", post(file_url="/new.png"))
    web.put("/new.png", file(NEW))
    metadata = tmp_path / "metadata"
    row = {"id": 7, "created_at": "2018-01-01T00:00:00Z", "tag_string": ""}
    write_lines(bucket_file(metadata, "0007"), [row])
    exclusions = Exclusions(*rules, "one")
    outcome = fetch(screening=Screening(exclusions, tmp_path / "waiting", metadata, "0007", 10**6))
    assert (outcome.state, outcome.rules) == (State.EXCLUDED, "one")
    assert "rule a: why" in outcome.reason
    assert not library.incoming("0007", 7, md5(NEW), "png").exists()


def test_what_is_held_is_known_by_its_file_or_its_line(library):
    known = {(7, md5(OLD)): {"state": "corrupt"}}
    assert Held("0007", library, known).has(LINE)
    published = {(7, md5(OLD)): vars(original(7, OLD))}
    assert not Held("0007", library, published).has(LINE)
    write_file(library.original("0007", 7, md5(OLD), "png"), OLD)
    assert Held("0007", library, published).has(LINE)
    assert not Held("0007", library, {}).has(LINE)


@pytest.mark.parametrize(
    ("problem", "wall"),
    [
        (SiteDown("u", "w"), True),
        (AskedToWait("u", 700), True),
        (WebPage("u", "w"), True),
        (SiteRefuses("u", 403, "w"), True),
        (SiteRefuses("u", 404, "w"), False),
        (WrongBytes("u", "w"), False),
        (ForeignAddress("u", "w"), False),
        (UnexpectedAnswer("u", "w"), False),
        (None, False),
    ],
)
def test_a_wall_is_what_may_stand_before_every_file(problem, wall):
    assert is_wall(problem) is wall
