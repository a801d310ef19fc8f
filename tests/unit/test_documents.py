"""The documents say what is so: commands, keys, files, targets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from booru_release.exclude_file import read_rules

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
KEYS = (REPOSITORY / "config" / "README.md").read_text()
SCHEMA = yaml.safe_load((REPOSITORY / "config" / "config.schema.yaml").read_text())


def keys_of(schema, place=""):
    """Every key that a configuration may have, as its document writes it."""
    parts = [schema, *(branch["then"] for branch in schema.get("allOf", []))]
    for part in parts:
        for name, inner in part.get("properties", {}).items():
            if isinstance(inner, dict):
                yield from keys_below(inner, f"{place}{name}")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from keys_of(schema["additionalProperties"], f"{place}*.")


def keys_below(schema, place):
    inner = [*keys_of(schema, f"{place}.")]
    yield from inner or [place]


def test_each_key_is_explained_and_no_other():
    explained = re.findall(r"(?m)^\| `([a-z_.*]+)` \|", KEYS)
    assert sorted(explained) == sorted(set(keys_of(SCHEMA)))


def test_each_key_of_the_exclusions_is_explained_and_no_other():
    schema = yaml.safe_load((REPOSITORY / "config" / "exclude.schema.yaml").read_text())
    explained = re.findall(r"(?m)^\| `rules\[\]\.(\w+)` \|", KEYS)
    assert explained == [*schema["properties"]["rules"]["items"]["properties"]]


def test_the_example_of_the_exclusions_is_allowed(tmp_path):
    example = re.search(r"(?m)^    rules:\n(?:      .*\n)+", KEYS)[0]
    for kind, digits in (("md5", 32), ("sha256", 64)):
        (tmp_path / "lists").mkdir(exist_ok=True)
        (tmp_path / "lists" / f"known.{kind}").write_text("0" * digits)
    (tmp_path / "exclude.yaml").write_text(example)
    assert [rule["name"] for rule in read_rules(tmp_path / "exclude.yaml")] == [
        "no-photographs",
        "known",
    ]


def test_the_defaults_in_the_document_are_those_of_the_file():
    defaults = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    for key in ("images", "subsets", "torrents"):
        block = re.search(rf"(?m)^    {key}:(?:.*)\n(?:      .*\n)*", KEYS)[0]
        assert yaml.safe_load(block) == {key: defaults[key]}


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "config/README.md"])
def test_links_and_named_files_are_there(document):
    text = (REPOSITORY / document).read_text()
    folder = (REPOSITORY / document).parent
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (folder / target).exists(), target
    for name in re.findall(r"`((?:scripts|rules|tests|config|envs)/[\w/.-]+)`", text):
        assert (REPOSITORY / name).exists() or "<" in name, name


def test_the_targets_of_the_readme_exist(tmp_path):
    listed = subprocess.run(
        [sys.executable, "-m", "snakemake", "--list", "--directory", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    ).stdout
    targets = set(re.findall(r"(?m)^(\w+)", listed))
    for command in re.findall(r"(?m)^    (?:\./bootstrap )?snakemake (.+?)(?:  +#.*)?$", README):
        named = [word for word in command.split() if re.fullmatch(r"[a-z]\w+_\w+", word)]
        assert set(named) <= targets, command
    helped = [line for line in listed.splitlines() if re.match(r"\w+ \(.+\)$", line)]
    assert len(helped) == len(listed.splitlines())


def test_ci_calls_the_test_command_of_the_readme():
    assert "    ./bootstrap pytest\n" in README
    assert "\n./bootstrap pytest\n" in (REPOSITORY / ".ci" / "run").read_text()
