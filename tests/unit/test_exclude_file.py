import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from booru_release.exclude_file import SCHEMA, InvalidExclusions, fingerprints, read_rules

DEFAULTS = Path(__file__).parents[2] / "config" / "exclude.yaml"
MD5 = "0123456789abcdef" * 2


@pytest.fixture
def rules(tmp_path):
    """The rules of a file that says this, one of them or all."""

    def rules(text="", *, whole=None):
        path = tmp_path / "exclude.yaml"
        path.write_text(whole or f"rules:\n- {{name: mine, why: because, {text}}}\n")
        return read_rules(path)

    return rules


@pytest.fixture
def problem_of(rules, tmp_path):
    """What is said of such a file, after its name."""

    def problem_of(text="", *, whole=None):
        with pytest.raises(InvalidExclusions) as problem:
            rules(text, whole=whole)
        assert problem.value.path == tmp_path / "exclude.yaml"
        return str(problem.value).removeprefix(f"{problem.value.path}: ")

    return problem_of


# The schema and the default


def schemas_in(schema, place="top level"):
    yield place, schema
    for key, inner in schema.get("properties", {}).items():
        yield from schemas_in(inner, f"{place}.{key}")
    if isinstance(schema.get("items"), Mapping):
        yield from schemas_in(schema["items"], f"{place}[]")


def test_every_key_has_a_description_and_no_other_key_is_allowed():
    for place, schema in schemas_in(yaml.safe_load(SCHEMA.read_text())):
        for key, inner in schema.get("properties", {}).items():
            assert inner["description"].endswith("."), f"{place}.{key}"
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False, place


def test_the_default_names_what_it_excludes_and_why():
    rules = {rule["name"]: rule for rule in read_rules(DEFAULTS)}
    assert rules["sexualised-minors"]["tags"][:3] == ["loli", "shota", "toddlercon"]
    assert all(rule["why"] for rule in rules.values())


def test_the_default_does_not_rest_on_a_rating_whose_meaning_changed():
    for rule in read_rules(DEFAULTS):
        assert {"s", "g"}.isdisjoint(rule["ratings"])
        assert {"e", "?"} <= {*rule["ratings"]}


# What a rule may say


def test_a_file_without_rules_excludes_nothing(rules):
    assert rules(whole="rules: []") == []


def test_ids_are_numbers_and_ranges(rules):
    [rule] = rules('ids: [7, "10-20", "3", "5-5"]')
    assert rule["ids"] == [[3, 3], [5, 5], [7, 7], [10, 20]]


def test_md5_may_be_in_capitals(rules):
    [rule] = rules(f'md5: ["{MD5.upper()}", "{MD5}"]')
    assert rule["md5"] == [MD5]


@pytest.mark.parametrize(
    ("text", "key", "length"),
    [
        ("md5_files: [known]", "md5_files", 32),
        ("sha256_files: [known]", "sha256_files", 64),
        ("perceptual: {files: [known], distance: 4}", "perceptual", 16),
    ],
)
def test_a_list_is_named_with_its_sha256_and_not_copied(rules, tmp_path, text, key, length):
    (tmp_path / "known").write_text("a" * length)
    [rule] = rules(text)
    files = rule[key]["files"] if key == "perceptual" else rule[key]
    assert files == [{"path": "known", "sha256": hashlib.sha256(b"a" * length).hexdigest()}]


def test_a_list_may_lie_in_another_folder(rules, tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "known").write_text(MD5)
    assert rules("md5_files: [lists/known]")
    assert rules(f"md5_files: [{tmp_path}/lists/known]")


@pytest.mark.parametrize("tag", ["loli", "*loli", "loli*", "*loli*", "a_(b)", "名前", "*"])
def test_a_tag_may_have_a_star_at_its_ends(rules, problem_of, tag):
    if tag == "*":
        assert problem_of(f'tags: ["{tag}"]').startswith("rule mine: tags.0: '*' does not match")
    else:
        assert rules(f'tags: ["{tag}"]')[0]["tags"] == [tag]


# What it may not


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tag: [x]", "rule mine: unknown key `tag`\n  hint: did you mean `tags`?"),
        ("rating: [e]", "rule mine: unknown key `rating`\n  hint: did you mean `ratings`?"),
        ("ratings: [x]", "rule mine: ratings.0: 'x' is not one of ['g', 's', 'q', 'e', '?']"),
        ("ratings: e", "rule mine: ratings: 'e' is not of type 'array'\n  hint: Ratings, any"),
        ("ratings: []", "rule mine: ratings: [] should be non-empty"),
        ("status: [gone]", "rule mine: status.0: 'gone' is not one of ['deleted', "),
        ("tags: [two words]", "rule mine: tags.0: 'two words' does not match"),
        ("tags: [a*b]", "rule mine: tags.0: 'a*b' does not match"),
        ("tags: [no]", "rule mine: tags.0: False is not of type 'string'"),
        ("ids: [0]", "rule mine: ids.0: 0 is not valid under any"),
        ("ids: [20-10]", "rule mine: ids: '20-10' ends before it begins"),
        ("md5: [abc]", "rule mine: md5.0: 'abc' does not match"),
        ("perceptual: {files: [x]}", "rule mine: perceptual: 'distance' is a required property"),
        ("perceptual: {files: [x], distance: 33}", "rule mine: perceptual.distance: 33 is greater"),
        ("md5_files: [none]", "rule mine: md5_files: "),
    ],
)
def test_a_wrong_rule_is_named_with_its_key(problem_of, text, said):
    assert problem_of(text).startswith(said)


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ("", "top level: None is not of type 'object'"),
        ("rule: []", "top level: unknown key `rule`\n  hint: did you mean `rules`?"),
        ("rules: {}", "rules: {} is not of type 'array'"),
        ("rules: [{name: a, why: b}]", "rule a: {'name': 'a', 'why': 'b'} does not have enough"),
        ("rules: [{why: b, ids: [1]}]", "rule number 1: 'name' is a required property"),
        ("rules: [{name: A!, why: b, ids: [1]}]", "rule A!: name: 'A!' does not match"),
        ('rules: [{name: a, why: "b\\nc", ids: [1]}]', "rule a: why: 'b\\nc' does not match"),
        ("rules: [7]", "rule number 1: 7 is not of type 'object'"),
        ("rules: [{name: a, why: b, ids: [1]}, {name: a, why: c, ids: [2]}]", "rule a: name: 2"),
        ("rules: [", "is no YAML (while parsing"),
        ("rules: \x00", "is no YAML (unacceptable character"),
    ],
)
def test_a_wrong_file_is_named_with_the_place(problem_of, whole, said):
    assert problem_of(whole=whole or " ").startswith(said)


def test_a_damaged_list_is_named_with_rule_key_file_and_line(problem_of, tmp_path):
    (tmp_path / "known").write_text(f"{MD5}\noops\n")
    assert problem_of("md5_files: [known]") == (
        f"rule mine: md5_files: {tmp_path}/known: line 2: 'oops' is no md5 hash of 32 hex digits"
    )


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidExclusions) as problem:
        read_rules(tmp_path / "none.yaml")
    assert str(problem.value) == (
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory\n"
        "  hint: `exclude` in the configuration names it; null for no exclusions"
    )


# What a release tells of its rules


def test_a_release_tells_names_and_reasons_and_neither_ids_nor_hashes(rules):
    told = fingerprints(rules(f'ids: [4711], md5: ["{MD5}"]'))
    assert [*told] == ["mine"]
    assert told["mine"]["why"] == "because"
    assert re.fullmatch(r"[0-9a-f]{10}", told["mine"]["fingerprint"])


@pytest.mark.parametrize("more", ["", ", ratings: [e]"])
def test_a_changed_rule_and_a_changed_list_have_other_fingerprints(rules, tmp_path, more):
    def told(listed, text):
        (tmp_path / "known").write_text(listed)
        return fingerprints(rules(f"md5_files: [known]{text}"))["mine"]["fingerprint"]

    assert told(MD5, more) == told(MD5, more)
    assert told(MD5, more) != told("f" * 32, more)
    assert told(MD5, more) != told(MD5, ", ratings: [q]")
