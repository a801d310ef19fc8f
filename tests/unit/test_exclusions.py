import hashlib
from functools import partial
from pathlib import Path

import pytest
import yaml
from booru_release.exclude_file import read_rules
from booru_release.exclusions import Exclusions, Held, Look, Rule, names_check
from booru_release.hash_lists import UnusableList
from booru_release.posts import parse_post

MD5, OTHER = "0123456789abcdef" * 2, "f" * 32
SHA256 = "ab" * 32


def post(post_id=7, **values):
    """A post as the site sends it, parsed."""
    row = {
        "id": post_id,
        "created_at": "2018-06-01T08:00:00Z",
        "rating": "e",
        "md5": MD5,
        "tag_string": "1girl sky someone touhou",
        "tag_string_artist": "someone",
        **values,
    }
    return parse_post(row)


@pytest.fixture
def exclusions(tmp_path):
    """The rules of a file with one or more rules, given without name and reason."""

    def exclusions(*texts):
        rules = [
            {"name": f"rule-{number}", "why": "because", **yaml.safe_load(f"{{{text}}}")}
            for number, text in enumerate(texts, 1)
        ]
        path = tmp_path / "exclude.yaml"
        path.write_text(yaml.safe_dump({"rules": rules}))
        return Exclusions.of({"rules": read_rules(path)}, tmp_path)

    return exclusions


@pytest.fixture
def excludes(exclusions):
    """Whether a rule excludes a post."""
    return lambda text, one, held=None: exclusions(text).reason(one, held) is not None


def write_list(folder, *hashes):
    (folder / "known").write_text("\n".join(hashes))


# Each criterion


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("tags: [sky, sea]", {"tag_string": "a sea b"}, {"tag_string": "a seaside b"}),
        ("tags: [loli]", {"tag_string": "loli"}, {"tag_string": "lolita_fashion gothic_loli"}),
        ("not_tags: [sky, sea]", {"tag_string": "a b"}, {"tag_string": "a sea"}),
        ("artists: [someone]", {}, {"tag_string_artist": "", "tag_string": "someone"}),
        ("ratings: [q, e]", {"rating": "q"}, {"rating": "s"}),
        ('ratings: ["?"]', {"rating": None}, {"rating": "e"}),
        ("status: [deleted]", {"is_deleted": True}, {"is_pending": True}),
        ("status: [pending, flagged]", {"is_flagged": True}, {"is_deleted": True}),
        ("status: [banned]", {"is_banned": True}, {"is_banned": "true"}),
        (f"md5: ['{MD5}']", {}, {"md5": OTHER}),
        (f"md5: ['{MD5.upper()}']", {}, {"md5": None}),
    ],
)
def test_a_criterion_matches_any_of_its_values(excludes, text, matching, other):
    assert excludes(text, post(**matching))
    assert not excludes(text, post(**other))


@pytest.mark.parametrize(
    ("ids", "inside", "outside"),
    [
        ("[7]", [7], [6, 8]),
        ('["10-20", 15, "18-30"]', [10, 17, 20, 21, 30], [9, 31]),
        ('["1-3", "5-6", 9007199254740992]', [1, 3, 5, 6, 2**53], [4, 7, 2**53 - 1]),
    ],
)
def test_ids_are_numbers_and_ranges(exclusions, ids, inside, outside):
    rules = exclusions(f"ids: {ids}")
    assert all(rules.reason(post(number)) for number in inside)
    assert not any(rules.reason(post(number)) for number in outside)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("loli*", ["loli", "lolicon"], ["gothic_loli", "Loli"]),
        ("*loli", ["loli", "gothic_loli"], ["lolicon"]),
        ("*loli*", ["loli", "lolicon", "gothic_loli_x"], ["lol"]),
        ("a.b", ["a.b"], ["axb"]),
        ("a[b*", ["a[bc"], ["ab"]),
    ],
)
def test_a_star_stands_for_any_text_and_nothing_else_for_another(pattern, matching, other):
    check = names_check([pattern])
    assert all(check(["x", tag]) for tag in matching)
    assert not any(check(["x", tag]) for tag in other)


def test_stars_and_plain_tags_may_be_mixed():
    check = names_check(["a", "b*", "*c", "*d*"])
    assert [tag for tag in ("a", "bx", "xc", "xdx", "ax", "x") if check([tag])] == [
        *("a", "bx", "xc", "xdx")
    ]
    assert not check([])


@pytest.mark.parametrize(
    "tag_string",
    [
        "sky\u2028loli",
        "sky\tloli\n",
        "\ud800 loli",
        "  loli",
        "x" * 100_000 + " loli",
    ],
)
def test_hostile_text_hides_no_tag(excludes, tag_string):
    assert excludes("tags: [loli]", post(tag_string=tag_string))


@pytest.mark.parametrize("tag_string", [None, 7, "", "l\u043eli", "lo\u200bli"])
def test_text_that_only_looks_like_a_tag_is_another_tag(excludes, tag_string):
    assert not excludes("tags: [loli]", post(tag_string=tag_string))


# Rules


def test_all_criteria_of_a_rule_must_match(excludes):
    text = f"tags: [sky], not_tags: [sea], ratings: [e], artists: [some*], md5: ['{MD5}'], ids: [7]"
    assert excludes(text, post())
    for other in (
        post(tag_string="a"),
        post(tag_string="sky sea"),
        post(rating="q"),
        post(tag_string_artist="x"),
        post(md5=OTHER),
        post(8),
    ):
        assert not excludes(text, other)


def test_any_rule_is_enough_and_the_first_that_matches_is_the_reason(exclusions):
    rules = exclusions("ids: [1]", "ratings: [e]", "tags: [sky]")
    assert rules.reason(post()) == "rule rule-2: because"
    assert rules.reason(post(rating="g")) == "rule rule-3: because"
    assert rules.reason(post(rating="g", tag_string="")) is None


def test_no_rule_excludes_nothing(exclusions):
    rules = exclusions()
    assert rules.reason(post()) is None
    assert (rules.at_plan, rules.on_arrival, rules.ask_sha256) == ((), (), False)


def test_what_the_rules_say_has_a_name(exclusions):
    assert exclusions("ids: [1]").version == exclusions("ids: [1]").version
    assert exclusions("ids: [1]").version != exclusions("ids: [2]").version


# Lists


def test_an_md5_of_a_list_counts_as_one_of_the_rule(exclusions, tmp_path):
    write_list(tmp_path, MD5.upper(), "a" * 32)
    rules = exclusions(f"md5_files: [known], md5: ['{OTHER}']")
    assert rules.reason(post())
    assert rules.reason(post(md5=OTHER))
    assert not rules.reason(post(md5="b" * 32))


def test_a_list_that_changed_while_a_run_goes_on_stops_the_job(tmp_path):
    write_list(tmp_path, MD5)
    known = hashlib.sha256(MD5.encode()).hexdigest()
    rule = {"name": "a", "why": "b", "md5_files": [{"path": "known", "sha256": known}]}
    make = partial(Exclusions.of, {"rules": [rule]}, tmp_path)
    assert make().reason(post())
    write_list(tmp_path, OTHER)
    with pytest.raises(UnusableList, match="has changed since the run began"):
        make()


def test_a_rule_of_bytes_excludes_nothing_before_there_are_bytes(exclusions, tmp_path):
    write_list(tmp_path, SHA256)
    rules = exclusions("sha256_files: [known], ratings: [e]")
    assert rules.reason(post()) is None
    assert len(rules.on_arrival) == 1


def test_a_published_file_is_known_by_its_hashes(exclusions, tmp_path):
    write_list(tmp_path, SHA256)
    rules = exclusions("sha256_files: [known], ratings: [e]")
    assert rules.ask_sha256
    assert rules.reason(post(), Held(MD5, ("cd" * 32, SHA256))) == "rule rule-1: because"
    assert rules.reason(post(), Held(MD5, ("cd" * 32,))) is None
    assert rules.reason(post(rating="g"), Held(MD5, (SHA256,))) is None


def test_a_published_file_is_not_looked_at(exclusions, tmp_path):
    write_list(tmp_path, "0" * 16)
    rules = exclusions("perceptual: {files: [known], distance: 32}")
    assert rules.reason(post(), Held(MD5, (SHA256,))) is None
    assert not rules.ask_sha256


def test_the_file_that_was_published_counts_as_the_one_that_the_site_has_now(excludes):
    assert excludes(f"md5: ['{OTHER}']", post(), Held(OTHER))


# Looks


@pytest.mark.parametrize(("bits", "near"), [(0, True), (4, True), (5, False), (64, False)])
def test_a_picture_is_near_if_few_bits_differ(bits, near):
    look = Look((0x1234567890ABCDEF, 2**64 - 1), distance=4)
    assert look.matches(0x1234567890ABCDEF ^ (2**bits - 1)) is near or bits == 64
    assert Look((0,), 4).matches(2**bits - 1) is near


def test_a_picture_is_looked_at_only_if_nothing_else_decides(tmp_path):
    def never():
        raise AssertionError

    rule = Rule("why", sha256=frozenset({SHA256}), look=Look((0,), 4))
    assert not rule.fits_bytes(["cd" * 32], never)
    assert rule.fits_bytes([SHA256], lambda: 3)
    assert not rule.fits_bytes([SHA256], lambda: None)


# The default


@pytest.fixture
def default():
    path = Path(__file__).parents[2] / "config" / "exclude.yaml"
    return Exclusions.of({"rules": read_rules(path)}, path.parent)


@pytest.mark.parametrize("rating", ["q", "e", None, "x y"])
@pytest.mark.parametrize("tag", ["loli", "shota", "toddlercon"])
def test_the_default_keeps_sexualised_minors_out(default, tag, rating):
    why = default.reason(post(tag_string=f"1girl {tag} sky", rating=rating))
    assert why.startswith("rule sexualised-minors: ")


@pytest.mark.parametrize("rating", ["g", "s", "q"])
@pytest.mark.parametrize("tag", ["child", "sky", "lolita_fashion", "lollipop"])
def test_the_default_leaves_what_is_harmless(default, tag, rating):
    assert default.reason(post(tag_string=f"1girl {tag} sky", rating=rating)) is None
