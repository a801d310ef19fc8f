import json
import os
from pathlib import Path

import pytest
from booru_release.configuration import complete
from booru_release.exclude_file import fingerprints, read_rules
from booru_release.files import dump_json, read_json, write_bytes
from booru_release.settings import (
    FixedBuckets,
    MissingRelease,
    UnknownRelease,
    folders_of,
    frozen_differences,
    has_subset,
    open_releases,
    settings_hash,
    settings_of,
    withdrawals_file,
    withdrawn_in,
    write_settings,
)
from booru_release.withdrawals import BadWithdrawals

DEFAULTS = Path(__file__).parents[2] / "config" / "config.yaml"
SITE = {"kind": "danbooru", "url": "https://booru.example.org", "contact": "me@example.org"}


def config_with(**changes):
    return complete(DEFAULTS, changes)


def finish(folder, config, release):
    """Mark a release as finished with the settings of a configuration."""
    settings = settings_of(config, release)
    write_bytes(folder / release / "release.json", dump_json({"settings": settings}))


def times_in(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}


def changed_files(folder, before, after):
    """The settings of 2018 that another configuration makes anew."""
    write_settings(before, ["2018"], folder)
    for path in folder.rglob("*.json"):
        os.utime(path, (0, 0))
    write_settings(after, ["2018"], folder)
    settings = folder / "2018" / "settings"
    return {
        str(path.relative_to(settings).with_suffix(""))
        for path, moment in times_in(settings).items()
        if moment
    }


# The posts that are withdrawn


def withdraw(folder, *ids):
    rows = [{"id": post_id, "date": "2020-02-01", "reason": "asked"} for post_id in ids]
    (folder / "withdrawals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_each_open_release_gets_the_ids_that_are_withdrawn(tmp_path):
    withdraw(tmp_path, 9, 2, 3)
    write_settings(config_with(), ["2019"], tmp_path / "releases")
    settings = tmp_path / "releases" / "2019" / "settings"
    assert read_json(settings / "withdrawals.json") == [2, 3, 9]
    assert withdrawn_in(settings / "withdrawals.json", "0001", 2) == {3, 9}
    # release.json of a release is made of these, and must not name a withdrawn post.
    assert "withdrawals" not in (settings / "release.json").read_text()
    assert not (tmp_path / "releases" / "2018" / "settings" / "withdrawals.json").exists()


def test_without_a_list_no_post_is_withdrawn(tmp_path):
    write_settings(config_with(), ["2019"], tmp_path / "releases")
    settings = tmp_path / "releases" / "2019" / "settings"
    assert read_json(settings / "withdrawals.json") == []


def test_another_list_can_be_named(tmp_path):
    config = config_with(withdrawals="lists/mine.jsonl")
    assert withdrawals_file(config, tmp_path / "releases") == tmp_path / "lists" / "mine.jsonl"


def test_a_list_that_is_wrong_stops_a_run_before_anything_is_written(tmp_path):
    (tmp_path / "withdrawals.jsonl").write_text("no JSON\n")
    with pytest.raises(BadWithdrawals):
        write_settings(config_with(), ["2019"], tmp_path / "releases")
    assert not (tmp_path / "releases").exists()


# The settings of each step


def test_each_step_has_its_settings():
    assert settings_of(config_with(), "2018") == {
        "snapshot": {
            "buckets": 8,
            "last_upload": "2018-12-31",
            "source": {"kind": "embedded"},
        },
        "plan": {"last_upload": "2018-12-31", "fetch_deleted": False, "embargo_days": 0},
        "exclude": fingerprints(read_rules(DEFAULTS.with_name("exclude.yaml"))),
        "optimise": {"png_level": 2, "max_pixels": 500_000_000},
        "gates": {"accept": {}},
        "torrent": {
            "name": "danbooru",
            "last_upload": "2018-12-31",
            "version": "v1",
            "trackers": [],
            "web_seeds": [],
        },
        "rescale/sfw_512px": {
            "name": "sfw_512px",
            "folder": "512px",
            "safe": True,
            "size": 512,
            "background": "auto",
            "format": "jpeg",
            "quality": 90,
            "ratings": ["g"],
            "max_pixels": 500_000_000,
        },
    }


def test_safe_ratings_are_those_of_the_release():
    releases = {
        "2018": {"last_upload": "2018-12-31", "safe_ratings": ["s", "g"]},
        "2019": {"last_upload": "2019-12-31", "safe_ratings": ["g"]},
    }
    config = config_with(releases=releases)
    ratings = [settings_of(config, year)["rescale/sfw_512px"]["ratings"] for year in releases]
    assert ratings == [["g", "s"], ["g"]]


def test_a_subset_of_all_images_does_not_depend_on_what_is_safe():
    config = config_with(subsets={"sfw_512px": {"safe": False}})
    assert settings_of(config, "2018")["rescale/sfw_512px"]["ratings"] is None


def test_hosts_budgets_and_contacts_decide_no_bytes():
    plain = settings_of(config_with(source=SITE), "2018")
    more = {"image_hosts": ["cdn"], "requests_per_second": 1, "connections": 9, "contact": "you"}
    assert settings_of(config_with(source={**SITE, **more}), "2018") == plain
    assert plain["snapshot"]["source"] == {"kind": "danbooru", "url": "https://booru.example.org"}


# Files that are written only when their content changes


def test_each_step_gets_a_file_with_its_settings(tmp_path):
    config = config_with()
    write_settings(config, ["2018"], tmp_path)
    folder = tmp_path / "2018" / "settings"
    steps = settings_of(config, "2018")
    assert {path.stem for path in folder.glob("*.json")} >= {*steps} - {"rescale/sfw_512px"}
    rules = read_rules(DEFAULTS.with_name("exclude.yaml"))
    for step, values in {**steps, "exclude": {"rules": rules}}.items():
        assert json.loads((folder / f"{step}.json").read_text()) == values
    assert json.loads((folder / "release.json").read_text()) == settings_of(config, "2018")


def test_the_same_configuration_writes_nothing_again(tmp_path):
    write_settings(config_with(), ["2018", "2019"], tmp_path)
    before = times_in(tmp_path)
    write_settings(config_with(), ["2018", "2019"], tmp_path)
    assert times_in(tmp_path) == before


@pytest.mark.parametrize(
    ("change", "files"),
    [
        ({"subsets": {"sfw_512px": {"quality": 80}}}, {"rescale/sfw_512px", "release"}),
        ({"images": {"png_level": 3}}, {"optimise", "release"}),
        ({"images": {"max_pixels": 7}}, {"optimise", "rescale/sfw_512px", "release"}),
        ({"fetch_deleted": True}, {"plan", "release"}),
        ({"embargo_days": 30}, {"plan", "release"}),
        ({"exclude": None}, {"exclude", "release"}),
        ({"torrents": {"version": "v2"}}, {"torrent", "release"}),
        ({"staging": {"destination": "/srv"}}, {"publish"}),
        ({"source": {"kind": "embedded", "corpus": "x"}}, {"snapshot", "release"}),
        ({"name": "other"}, {"torrent", "release"}),
        ({"reopen": ["2018"]}, set()),
    ],
    ids=lambda value: next(iter(value), "none") if isinstance(value, dict) else "",
)
def test_a_changed_setting_writes_exactly_the_steps_that_depend_on_it(tmp_path, change, files):
    assert changed_files(tmp_path, config_with(), config_with(**change)) == files


def test_only_the_releases_that_are_open_get_settings(tmp_path):
    write_settings(config_with(), ["2019"], tmp_path)
    assert (tmp_path / "2019" / "settings" / "plan.json").is_file()
    assert not (tmp_path / "2018" / "settings" / "plan.json").exists()


def test_a_finished_release_can_still_be_published_elsewhere(tmp_path):
    write_settings(config_with(staging={"destination": "/srv"}), ["2019"], tmp_path)
    publish = tmp_path / "2018" / "settings" / "publish.json"
    assert json.loads(publish.read_text()) == {"destination": "/srv"}


# Buckets are fixed for a library


def test_the_number_of_buckets_is_kept_with_the_library(tmp_path):
    write_settings(config_with(buckets=1000), ["2018"], tmp_path)
    assert json.loads((tmp_path / "library" / "library.json").read_text()) == {"buckets": 1000}


def test_another_number_of_buckets_is_refused_and_writes_nothing(tmp_path):
    write_settings(config_with(buckets=8), ["2018"], tmp_path)
    before = times_in(tmp_path)
    with pytest.raises(FixedBuckets) as problem:
        write_settings(config_with(buckets=1000), ["2018", "2019"], tmp_path)
    assert str(problem.value) == (
        f"{tmp_path}/library: holds 8 buckets; the configuration asks for 1000\n"
        "  hint: set `buckets: 8`, or build into another folder with --directory"
    )
    assert times_in(tmp_path) == before


# Finished releases are frozen


def test_what_is_accepted_later_is_no_change_of_a_finished_release(tmp_path):
    settings = settings_of(config_with(), "2018")
    del settings["gates"]
    write_bytes(tmp_path / "2018" / "release.json", dump_json({"settings": settings}))
    config = config_with()
    assert [*frozen_differences(config, tmp_path)] == []
    config["releases"]["2018"]["accept"] = {"shrinkage": "a purge"}
    assert [*frozen_differences(config, tmp_path)] == []


def test_what_is_accepted_reaches_the_gates_and_no_other_step(tmp_path):
    after = config_with()
    after["releases"]["2018"]["accept"] = {"shrinkage": "a purge"}
    assert changed_files(tmp_path, config_with(), after) == {"gates", "release"}


def test_each_set_of_images_has_its_folder():
    assert folders_of(config_with()) == {"original": "original", "sfw_512px": "512px"}


def test_all_releases_are_open_at_first(tmp_path):
    assert open_releases(config_with(), tmp_path) == ["2018", "2019"]


def test_a_finished_release_is_not_open(tmp_path):
    finish(tmp_path, config_with(), "2018")
    assert open_releases(config_with(), tmp_path) == ["2019"]


def test_a_finished_release_is_opened_by_name(tmp_path):
    finish(tmp_path, config_with(), "2018")
    finish(tmp_path, config_with(), "2019")
    assert open_releases(config_with(reopen=2018), tmp_path) == ["2018"]
    assert open_releases(config_with(reopen=[2019, 2018]), tmp_path) == ["2018", "2019"]


def test_an_open_release_may_be_named_too(tmp_path):
    assert open_releases(config_with(reopen=2018), tmp_path) == ["2018", "2019"]


def test_a_release_that_nobody_knows_cannot_be_reopened(tmp_path):
    with pytest.raises(UnknownRelease) as problem:
        open_releases(config_with(reopen=2031), tmp_path)
    assert str(problem.value) == (
        "release 2031: the configuration does not know it\n"
        "  hint: it has 2018, 2019; add it under `releases` in your configuration"
    )


def test_a_finished_release_that_nothing_changed_is_not_mentioned(tmp_path):
    finish(tmp_path, config_with(), "2018")
    assert [*frozen_differences(config_with(), tmp_path)] == []


def test_a_finished_release_says_what_it_no_longer_follows(tmp_path):
    finish(tmp_path, config_with(), "2018")
    changed = config_with(
        subsets={"sfw_512px": {"quality": 80}}, torrents={"trackers": ["udp://tracker"]}
    )
    assert [*frozen_differences(changed, tmp_path)] == [
        "release 2018 is finished and stays as it is, although the configuration changed: "
        'rescale/sfw_512px.quality (90 -> 80), torrent.trackers ([] -> ["udp://tracker"]). '
        "To rebuild it: --config reopen=2018"
    ]


def test_a_subset_that_came_later_is_a_difference(tmp_path):
    finish(tmp_path, config_with(), "2018")
    other = {**config_with()["subsets"]["sfw_512px"], "folder": "64px", "size": 64}
    found = [*frozen_differences(config_with(subsets={"sfw_64px": other}), tmp_path)]
    assert len(found) == 1
    assert 'changed: rescale/sfw_64px (null -> {"folder": "64px", "safe": true, "si' in found[0]


def test_a_release_that_is_opened_again_follows_the_configuration(tmp_path):
    finish(tmp_path, config_with(), "2018")
    assert [*frozen_differences(config_with(buckets=9, reopen=2018), tmp_path)] == []


# Names of settings


def test_settings_have_a_short_name_that_depends_on_the_chosen_keys_alone():
    name = settings_hash({"size": 512, "quality": 90, "name": "a"}, ["size", "quality"])
    # printf '{"quality": 90, "size": 512}' | sha256sum | cut -c1-10
    assert name == "f14ec5d291"
    assert settings_hash({"quality": 90, "size": 512, "name": "b"}, ["quality", "size"]) == name
    assert settings_hash({"size": 512, "quality": 91}, ["size", "quality"]) != name


def test_a_finished_release_that_is_not_configured_is_named_before_a_later_one(tmp_path):
    (tmp_path / "2017").mkdir()
    (tmp_path / "2017" / "release.json").write_text('{"last_upload": "2017-12-31"}')
    with pytest.raises(MissingRelease) as problem:
        open_releases(config_with(), tmp_path)
    assert str(problem.value).startswith("release 2017: is finished here and not in the config")
    assert 'add `"2017": {last_upload: "2017-12-31", ...}`' in str(problem.value)


def test_a_later_release_that_is_not_configured_takes_nothing_from_the_others(tmp_path):
    (tmp_path / "2025").mkdir()
    (tmp_path / "2025" / "release.json").write_text('{"last_upload": "2025-12-31"}')
    assert open_releases(config_with(), tmp_path) == ["2018", "2019"]


def test_a_finished_release_tells_which_subsets_it_has(tmp_path):
    (tmp_path / "2018").mkdir()
    (tmp_path / "2018" / "release.json").write_text('{"subsets": ["sfw_512px"]}')
    assert has_subset(tmp_path, "2018", "sfw_512px")
    assert not has_subset(tmp_path, "2018", "all_64px")
