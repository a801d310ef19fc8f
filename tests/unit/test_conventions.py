"""What the code promises of itself: names, sizes, contracts, light imports, pinned versions."""

import ast
import importlib.metadata
import itertools
import re
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
RULES = sorted((REPOSITORY / "rules").glob("*.smk"))
ADAPTERS = sorted((REPOSITORY / "scripts").glob("*.py"))
LIBRARY = sorted((REPOSITORY / "scripts" / "booru_release").glob("*.py"))
BOORU = sorted((REPOSITORY / "scripts" / "embedded_booru").glob("*.py"))


def rule_blocks():
    """Each rule's own name, or None in a loop that gives names, with its text."""
    for path in RULES:
        for block in re.split(r"(?m)^(?= *rule[ \w]*:$)", path.read_text())[1:]:
            name = re.match(r" *rule *(\w*):", block)[1]
            yield path.name, name or None, block


BLOCKS = [*rule_blocks()]
NAMED = [(name, block) for _, name, block in BLOCKS if name]
JOBS = [(name, block) for name, block in NAMED if "script:" in block or "shell:" in block]


def test_the_snakefile_is_a_table_of_contents():
    text = (REPOSITORY / "Snakefile").read_text()
    assert len(text.splitlines()) <= 45
    assert not re.search(r"(?m)^(rule|def)\b", text)
    included = re.findall(r'include: "rules/(\w+\.smk)"', text)
    assert sorted(included) == [path.name for path in RULES]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_a_rule_file_opens_with_its_contract_and_is_short(path):
    text = path.read_text()
    assert text.startswith('"""')
    assert len(text.splitlines()) <= 120
    assert sum(file == path.name for file, _, _ in BLOCKS) <= 6
    if "rule " in text or "rule:" in text:
        assert "\nin:   " in text and "\nout:  " in text


@pytest.mark.parametrize(("name", "block"), JOBS, ids=[name for name, _ in JOBS])
def test_rule_script_and_log_have_one_name(name, block):
    assert re.search(rf'"releases/\{{\w+\}}/logs/{name}/', block)
    script = re.search(r'"\.\./scripts/(\w+)\.py"', block)
    assert (script[1] if script else name) == name
    assert "conda:" in block


def test_every_adapter_belongs_to_a_rule():
    used = {match for _, _, block in BLOCKS for match in re.findall(r"scripts/(\w+)\.py", block)}
    assert used == {path.stem for path in ADAPTERS}


def test_no_rule_runs_code_or_hides_its_job():
    for _, _, block in BLOCKS:
        assert not re.search(r"(?m)^\s*(run|message):|lambda", block)


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: path.name)
def test_an_adapter_only_unpacks_its_job(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.If | ast.For | ast.Try)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert len(path.read_text().splitlines()) <= 35


def functions(paths):
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.name}:{node.name}", node.end_lineno - node.lineno + 1


def test_functions_are_short():
    lengths = dict(functions([*LIBRARY, *BOORU]))
    assert {name: length for name, length in lengths.items() if length > 40} == {}
    assert statistics.median(lengths.values()) <= 9


def test_modules_are_short():
    lengths = {path.name: len(path.read_text().splitlines()) for path in [*LIBRARY, *BOORU]}
    assert {name: length for name, length in lengths.items() if length > 250} == {}


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_the_library_knows_nothing_of_snakemake_nor_of_the_booru_inside(path):
    text = path.read_text()
    assert not re.search(r"(?m)^\s*(import|from) snakemake", text)
    if path.name != "sources.py":
        assert "embedded_booru" not in text


@pytest.mark.parametrize("path", BOORU, ids=lambda path: path.name)
def test_the_booru_inside_knows_nothing_of_the_library(path):
    assert "booru_release" not in path.read_text()


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_each_module_has_a_test_file(path):
    covered_by_others = {"__init__", "errors", "containers", "proof", "colours", "background"}
    covered_by_others |= {
        "metadata",
        "torrent_plan",
        "torrent_size",
        "torrent_hashes",
        "site_problems",
    }
    if path.stem not in covered_by_others:
        assert (REPOSITORY / "tests" / "unit" / f"test_{path.stem}.py").is_file()


HEAVY = {"PIL", "pandas", "pyarrow", "numpy", "libtorrent", "oxipng", "requests", "jsonschema"}
NEEDED = {
    "planning": set(),
    "checksums": set(),
    "downloading": set(),
    "sources": set(),
    "staging": {"libtorrent"},
    "rescaling": {"PIL"},
    "optimising": {"PIL", "oxipng"},
    "manifest": {"pyarrow", "numpy"},
}


@pytest.mark.parametrize("module", NEEDED)
def test_a_job_loads_nothing_heavy_that_its_step_does_not_need(module):
    code = f"import sys, booru_release.{module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(REPOSITORY / "scripts")},
    ).stdout.split()
    assert HEAVY & set(loaded) <= NEEDED[module]


def test_what_a_run_switches_off_in_snakemake_is_still_there():
    from snakemake.scheduling import job_scheduler

    text = Path(job_scheduler.__file__).read_text()
    assert "self.job_rate_limiter = (" in text
    assert "if self.job_rate_limiter is not None:" in text
    assert (
        "workflow.scheduler.job_rate_limiter = None"
        in (REPOSITORY / "rules/common.smk").read_text()
    )


def pinned():
    lines = (REPOSITORY / "requirements.txt").read_text()
    return dict(re.findall(r"(?m)^([a-z0-9-]+)==([^ ;]+)", lines))


def test_everything_that_the_project_names_is_pinned_with_hashes():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wanted = {*project["project"]["dependencies"], *project["dependency-groups"]["dev"]}
    assert wanted <= pinned().keys()
    text = (REPOSITORY / "requirements.txt").read_text()
    for block in re.split(r"(?m)^(?=[a-z0-9-]+==)", text)[1:]:
        assert "--hash=sha256:" in block


def test_no_file_names_a_package_index():
    for name in ("requirements.txt", "pyproject.toml", "bootstrap", ".ci/run"):
        assert not re.search(r"index-url|find-links|://", (REPOSITORY / name).read_text()), name


def test_what_is_installed_is_what_is_pinned():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    for name in project["project"]["dependencies"]:
        assert importlib.metadata.version(name) == pinned()[name]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "envs").glob("*.yaml")), ids=lambda p: p.name)
def test_environments_have_the_pinned_versions(path):
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    for group in dependencies:
        for requirement in group["pip"] if isinstance(group, dict) else ():
            name, version = requirement.split("==")
            assert pinned()[name] == version


def test_each_entry_of_a_profile_has_its_reason():
    for path in (REPOSITORY / "profiles").glob("*/config.yaml"):
        lines = path.read_text().splitlines()
        for before, line in itertools.pairwise(lines):
            if re.match(r"[a-z-]+:", line):
                assert before.startswith("# "), line
