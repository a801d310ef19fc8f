"""Folders that somebody wants served, and folders that cannot be."""

import json
import time

import pytest
from embedded_booru import BooruProblem, NotACorpus, serving

POST = {
    "id": 12,
    "created_at": "2017-02-03T04:05:06.000-05:00",
    "rating": "q",
    "md5": "0123456789abcdef0123456789abcdef",
    "file_ext": "png",
    "file_size": 3,
    "image_width": 1,
    "image_height": 2,
    "tag_string_general": "b a",
    "tag_string_artist": "z",
}
UPLOAD = {
    "date": "2018-01-01T00:00:00Z",
    "post": 1,
    "event": "upload",
    "md5": POST["md5"],
    "rating": "g",
}


def later(**line):
    return {"date": "2018-02-01T00:00:00Z", "post": 1, **line}


@pytest.fixture
def refusal(cache):
    """What is said of a folder that cannot be served."""

    def refuse(folder):
        with pytest.raises(NotACorpus) as caught, serving(folder, cache=cache):
            pass
        assert str(caught.value).startswith(f"{folder}: ")
        assert "a corpus folder has posts.jsonl" in str(caught.value)
        assert "original/ab/cd/<md5>.<ext>" in str(caught.value)
        return caught.value.problem

    return refuse


def test_a_corpus_keeps_its_ids_dates_and_ratings(make_corpus, visiting):
    with visiting(make_corpus(POST)) as visitor:
        post = visitor.json("/posts.json")[0]
        assert {name: post[name] for name in ("id", "created_at", "rating")} == {
            name: POST[name] for name in ("id", "created_at", "rating")
        }
        assert post["tag_string"] == "a b z"


def test_a_post_is_not_shown_before_its_upload(make_corpus, visiting):
    with visiting(make_corpus(POST)) as visitor:
        assert visitor.ids("as_of=2017-02-02") == []
        assert visitor.ids("as_of=2017-02-03") == [12]


def test_a_corpus_serves_its_files(make_corpus, visiting):
    folder = make_corpus(POST)
    path = folder / "original" / "01" / "23" / f"{POST['md5']}.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"abc")
    with visiting(folder) as visitor:
        assert visitor.get(visitor.json("/posts/12.json")["file_url"]).body == b"abc"


def test_a_corpus_may_have_a_history_of_its_own(make_corpus, visiting):
    history = [UPLOAD, later(event="retag", add=["c"], remove=["a"]), later(event="ban")]
    with visiting(make_corpus(POST, history=history)) as visitor:
        assert visitor.json("/posts/1.json?as_of=2018-01-31")["tag_string"] == "a b z"
        assert visitor.json("/posts/1.json")["tag_string"] == "b c z"
        assert visitor.get("/posts/12.json").status == 404


def test_a_folder_that_is_not_there_is_refused(refusal, tmp_path):
    assert refusal(tmp_path / "nowhere") == "no such folder"


def test_a_folder_without_posts_is_refused(refusal, tmp_path):
    assert refusal(tmp_path) == "no posts.jsonl in it"


def test_a_folder_without_images_is_refused(refusal, tmp_path):
    (tmp_path / "posts.jsonl").touch()
    assert refusal(tmp_path) == "no folder original/ in it"


@pytest.mark.parametrize("name", ["id", "created_at", "rating", "md5", "file_ext", "file_size"])
def test_a_line_that_lacks_a_field_is_named(refusal, make_corpus, name):
    bad = {field: value for field, value in POST.items() if field != name}
    assert refusal(make_corpus(POST, bad)) == f"posts.jsonl line 2: no {name}"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rating": "x"}, "rating 'x' is none of g, s, q, e"),
        ({"md5": "../../../etc/passwd"}, "md5 '../../../etc/passwd' is not 32 hexadecimal digits"),
        ({"file_ext": "/../x"}, "file_ext '/../x' is not an extension"),
        ({"created_at": "soon"}, "Invalid isoformat string: 'soon'"),
    ],
)
def test_a_field_that_makes_no_sense_is_named(refusal, make_corpus, change, problem):
    assert refusal(make_corpus({**POST, **change})) == f"posts.jsonl line 1: {problem}"


@pytest.mark.parametrize("line", ["{", "[]", "null", '"post"', "\\xff"])
def test_a_line_that_is_no_post_is_named(refusal, make_corpus, line):
    folder = make_corpus()
    (folder / "posts.jsonl").write_text(json.dumps(POST) + "\n" + line + "\n")
    assert refusal(folder).startswith("posts.jsonl line 2: ")


def test_a_bad_line_of_another_table_is_named(refusal, make_corpus):
    assert refusal(make_corpus(POST, tags=[{"name": "a"}])) == "tags.jsonl line 1: no id"
    assert BooruProblem in NotACorpus.__mro__


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (later(event="explode"), "event 'explode' is none of upload, retag, "),
        (later(event="ban", post=2), "ban of post 2, which is not there"),
        (later(event="upload", md5=POST["md5"], rating="g"), "upload of post 1, which is there al"),
        (later(event="rerate"), "no rating"),
        (later(event="rerate", rating="z"), "rating 'z' is none of g, s, q, e"),
        (later(event="replace", md5="f" * 32), f"no {'f' * 32}"),
        (later(event="replace", drawing="no-such"), "no no-such"),
        ({**later(event="ban"), "date": "2017-01-01"}, "2017-01-01 00:00:00+00:00 is earlier than"),
    ],
)
def test_an_event_that_makes_no_sense_is_named(refusal, make_corpus, line, problem):
    found = refusal(make_corpus(POST, history=[UPLOAD, line]))
    assert found.startswith(f"history.jsonl line 2: {problem}")


def test_2000_posts_are_served_at_once(make_corpus, visiting):
    posts = [{**POST, "id": number, "md5": f"{number:032x}"} for number in range(1, 2001)]
    folder = make_corpus(*posts)
    start = time.perf_counter()
    with visiting(folder) as visitor:
        assert visitor.json("/counts/posts.json") == {"counts": {"posts": 2000}}
    # Measured: 0.1 s; the bar has room for a machine that does other work.
    assert time.perf_counter() - start < 1.5
