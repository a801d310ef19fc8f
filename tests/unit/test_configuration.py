from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from booru_release.configuration import (
    InvalidConfiguration,
    Source,
    Subset,
    check,
    complete,
    in_order,
    previous_of,
    publish_target,
    resolved_source,
    subset_of,
)

CONFIG = Path(__file__).parents[2] / "config"
DEFAULTS, SCHEMA = CONFIG / "config.yaml", CONFIG / "config.schema.yaml"
SITE = {
    "kind": "danbooru",
    "url": "https://booru.example.org",
    "contact": "me@example.org",
    "requests_per_second": 4,
}


def completed(text=""):
    """The configuration of a file that says this."""
    return complete(DEFAULTS, yaml.safe_load(text) or {})


def checked(text=""):
    config = completed(text)
    check(config, SCHEMA)
    return config


def problem_of(config):
    with pytest.raises(InvalidConfiguration) as problem:
        check(config if isinstance(config, dict) else completed(config), SCHEMA)
    return str(problem.value)


def with_site(**more):
    return {**completed(), "source": {**SITE, **more}}


def schemas_in(schema, place="top level"):
    """Every schema below one, with the path of keys that leads to it."""
    yield place, schema
    for key, inner in schema.get("properties", {}).items():
        if isinstance(inner, Mapping):
            yield from schemas_in(inner, f"{place}.{key}")
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from schemas_in(schema["additionalProperties"], f"{place}.*")
    for number, branch in enumerate(schema.get("allOf", [])):
        yield from schemas_in(branch["then"], f"{place}<{number}>")


# The schema


def test_every_key_has_a_description():
    rules = yaml.safe_load(SCHEMA.read_text())
    without = [
        f"{place}.{key}"
        for place, schema in schemas_in(rules)
        for key, inner in schema.get("properties", {}).items()
        if isinstance(inner, Mapping) and not inner.get("description", "").endswith(".")
    ]
    assert without == []


def test_unknown_keys_are_refused_everywhere():
    rules = yaml.safe_load(SCHEMA.read_text())
    lax = [
        place
        for place, schema in schemas_in(rules)
        if schema.get("type") == "object"
        and schema.get("additionalProperties", True) is True
        and not schema.get("allOf")
    ]
    assert lax == []


def test_each_kind_of_source_says_which_keys_it_may_have():
    source = yaml.safe_load(SCHEMA.read_text())["properties"]["source"]
    kinds = [branch["if"]["properties"]["kind"]["const"] for branch in source["allOf"]]
    assert kinds == source["properties"]["kind"]["enum"]
    assert all(branch["then"]["additionalProperties"] is False for branch in source["allOf"])


def test_the_defaults_are_allowed():
    checked()


def test_the_real_sites_configuration_lacks_nothing_but_a_contact():
    real = yaml.safe_load((CONFIG / "danbooru.yaml").read_text())
    config = complete(DEFAULTS, real)
    assert problem_of(config) == (
        "configuration: source.contact: a site's operators must be able to reach you\n"
        "  hint: put a mail address or a user page there; it is sent with every request"
    )
    config["source"]["contact"] = "me@example.org"
    check(config, SCHEMA)
    assert config["buckets"] == 1000


# Completing


def test_keys_that_a_file_does_not_name_keep_their_defaults():
    defaults = completed()
    config = completed("buckets: 1000\nimages: {png_level: 5}\nstaging: {destination: /srv}")
    assert config["buckets"] == 1000
    assert config["images"] == {**defaults["images"], "png_level": 5}
    assert config["subsets"] == defaults["subsets"]
    assert config["staging"] == {"destination": "/srv"}


def test_a_part_of_a_subset_can_be_changed():
    config = checked("subsets: {sfw_512px: {quality: 80}}")
    default = completed()["subsets"]["sfw_512px"]
    assert config["subsets"] == {"sfw_512px": {**default, "quality": 80}}


def test_a_source_replaces_the_defaults_as_a_whole():
    assert completed("source: {kind: danbooru, url: http://x}")["source"] == {
        "kind": "danbooru",
        "url": "http://x",
    }


def test_releases_replace_the_defaults_as_a_whole():
    config = checked('releases: {"2016": {last_upload: "2016-12-31", safe_ratings: [s]}}')
    assert [*config["releases"]] == ["2016"]


def test_a_sources_kind_alone_stands_for_the_source():
    assert checked("source: embedded")["source"] == {"kind": "embedded"}


def test_years_and_dates_need_no_quotes():
    config = checked("releases: {2016: {last_upload: 2016-12-31, safe_ratings: [g]}}")
    assert config["releases"] == {"2016": {"last_upload": "2016-12-31", "safe_ratings": ["g"]}}


def test_a_date_with_a_time_is_named():
    text = "releases: {2016: {last_upload: 2016-12-31 23:59:59, safe_ratings: [g]}}"
    assert problem_of(text).startswith(
        "configuration: releases.2016.last_upload: '2016-12-31T23:59:59' does not match "
    )


@pytest.mark.parametrize(
    ("text", "releases"),
    [
        ("reopen: 2018", ["2018"]),
        ('reopen: "2018"', ["2018"]),
        ("reopen: [2018, 2019]", ["2018", "2019"]),
        ("reopen: []", []),
        ("reopen:", []),
        ("", []),
    ],
)
def test_releases_to_reopen_are_a_list_however_they_are_named(text, releases):
    assert checked(text)["reopen"] == releases


def test_the_defaults_themselves_stay_as_they_are():
    before = completed()
    completed("images: {png_level: 5}\nsource: {kind: danbooru}")
    assert completed() == before


# Unknown and misspelt keys


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bucket: 7", "top level: unknown key `bucket`\n  hint: did you mean `buckets`?"),
        (
            "images: {png_levl: 2}",
            "images: unknown key `png_levl`\n  hint: did you mean `png_level`?",
        ),
        (
            "subsets: {sfw_512px: {qualty: 80}}",
            "subsets.sfw_512px: unknown key `qualty`\n  hint: did you mean `quality`?",
        ),
        (
            "torrents: {seeds: []}",
            "torrents: unknown key `seeds`\n  hint: did you mean `web_seeds`?",
        ),
        (
            "staging: {colour: red}",
            "staging: unknown key `colour`\n  hint: it may have: destination",
        ),
        (
            "source: {kind: embedded, corpse: x}",
            "source: unknown key `corpse`\n  hint: did you mean `corpus`?",
        ),
        (
            "source: {kind: embedded, url: http://x}",
            "source: unknown key `url`\n  hint: it may have: corpus, kind, synthetic",
        ),
        (
            "releases: {2018: {last_upload: 2018-12-31, safe_rating: [], safe_ratings: []}}",
            "releases.2018: unknown key `safe_rating`\n  hint: did you mean `safe_ratings`?",
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_right_one(text, message):
    assert problem_of(text) == f"configuration: {message}"


# Missing and wrong values


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("buckets: 0", "buckets: 0 is less than the minimum of 1"),
        ("buckets: many", "buckets: 'many' is not of type 'integer'"),
        ("name: Dan booru", "name: 'Dan booru' does not match "),
        ("name: ../up", "name: '../up' does not match "),
        (
            "source: {kind: danboru}",
            "source.kind: 'danboru' is not one of ['embedded', 'danbooru']",
        ),
        ("source: {}", "source: 'kind' is a required property"),
        ("source:", "source: None is not of type 'object'"),
        ("source: {kind: danbooru}", "source: 'url' is a required property"),
        ("releases: {}", "releases: {} should be non-empty"),
        ("releases: [2018]", "releases: [2018] is not of type 'object'"),
        ("releases: {2018: {}}", "releases.2018: 'last_upload' is a required property"),
        ("releases: {../2018: {}}", "releases: '../2018' does not match "),
        (
            "releases: {2018: {last_upload: 2018, safe_ratings: [g]}}",
            "releases.2018.last_upload: 2018 is not of type 'string'",
        ),
        (
            'releases: {2018: {last_upload: "2018-02-30", safe_ratings: [g]}}',
            "releases.2018.last_upload: '2018-02-30' is no day (",
        ),
        (
            "releases: {2018: {last_upload: 2018-12-31, safe_ratings: [safe]}}",
            "releases.2018.safe_ratings.0: 'safe' is not one of ['g', 's', 'q', 'e']",
        ),
        ("images:", "images: None is not of type 'object'"),
        ("images: {png_level: 7}", "images.png_level: 7 is greater than the maximum of 6"),
        ("fetch_deleted: 1", "fetch_deleted: 1 is not of type 'boolean'"),
        ("subsets: {Big: {}}", "subsets: 'Big' does not match "),
        ("subsets: {big: {size: 8}}", "subsets.big: 'folder' is a required property"),
        ("subsets: {sfw_512px: {folder: ../x}}", "subsets.sfw_512px.folder: '../x' does not match"),
        ("subsets: {sfw_512px: {folder: original}}", "subsets.sfw_512px.folder: 'original' "),
        ("subsets: {sfw_512px: {quality: 101}}", "subsets.sfw_512px.quality: 101 is greater "),
        ("subsets: {sfw_512px: {background: grey}}", "subsets.sfw_512px.background: 'grey' does "),
        ("torrents: {version: v3}", "torrents.version: 'v3' is not one of ['v1', 'v2', 'hybrid']"),
        ("torrents: {trackers: [tracker]}", "torrents.trackers.0: 'tracker' does not match "),
    ],
)
def test_a_wrong_value_is_named_with_its_place(text, start):
    assert problem_of(text).startswith(f"configuration: {start}")


def test_a_wrong_value_is_explained_by_its_keys_description():
    assert problem_of("buckets: 0").endswith(
        "\n  hint: Number of folders that the images are spread over; a post's is its ID modulo "
        "this. Fixed for a library's life."
    )


def test_two_subsets_in_one_folder_are_refused():
    other = {**completed()["subsets"]["sfw_512px"], "safe": False}
    config = {**completed(), "subsets": {**completed()["subsets"], "all_512px": other}}
    assert problem_of(config) == (
        "configuration: subsets.all_512px.folder: `512px` is sfw_512px's already"
    )


# A site as the source


def test_a_site_needs_no_more_than_address_and_contact():
    config = with_site()
    del config["source"]["requests_per_second"]
    check(config, SCHEMA)
    assert Source.of(config["source"]).requests_per_second == 4


def test_a_site_is_not_asked_without_a_budget():
    assert problem_of(with_site(requests_per_second=None)) == (
        "configuration: source.requests_per_second: a site needs a budget\n"
        "  hint: name what its operators allow; null is for a booru on this machine"
    )


@pytest.mark.parametrize("contact", [None, ""])
def test_a_site_is_not_asked_by_somebody_who_cannot_be_reached(contact):
    assert problem_of(with_site(contact=contact)) == (
        "configuration: source.contact: a site's operators must be able to reach you\n"
        "  hint: put a mail address or a user page there; it is sent with every request"
    )


@pytest.mark.parametrize("contact", ["Jürgen <j@example.org>", "名", "me\r\nCookie: x"])
def test_a_contact_that_cannot_be_sent_is_refused(contact):
    assert problem_of(with_site(contact=contact)).startswith("configuration: source.contact: ")


@pytest.mark.parametrize(
    "url",
    [
        "booru.example.org",
        "ftp://booru.example.org",
        "https://",
        "https://booru.example.org/?x=1",
        "https://booru.example.org/#x",
        "https://booru.example.org/a b",
        # It would be in release.json for all to see.
        "https://albert:hunter2@booru.example.org",
    ],
)
def test_what_is_no_address_of_a_site_is_refused(url):
    assert problem_of(with_site(url=url)).startswith("configuration: source.url: ")


@pytest.mark.parametrize("host", ["https://cdn.example.org", "cdn.example.org/", "me@cdn", ""])
def test_what_is_no_host_is_refused(host):
    problem = problem_of(with_site(image_hosts=[host]))
    assert problem.startswith("configuration: source.image_hosts.0: ")


@pytest.mark.parametrize("budget", [0, -1, "fast"])
def test_what_is_no_budget_is_refused(budget):
    problem = problem_of(with_site(requests_per_second=budget))
    assert problem.startswith("configuration: source.requests_per_second: ")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080"])
def test_a_booru_on_this_machine_needs_neither_contact_nor_budget(host):
    check(with_site(url=f"http://{host}", contact=None, requests_per_second=None), SCHEMA)


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example.org", "127.0.0.1.example.org"])
def test_only_this_machine_is_this_machine(host):
    problem = problem_of(with_site(url=f"http://{host}", requests_per_second=None))
    assert problem.startswith("configuration: source.requests_per_second: ")


# Values


def test_a_source_is_made_of_its_keys():
    assert Source.of({**SITE, "image_hosts": ["cdn.example.org"]}) == Source(
        kind="danbooru",
        url="https://booru.example.org",
        image_hosts=("cdn.example.org",),
        contact="me@example.org",
        requests_per_second=4,
        connections=4,
    )


def test_a_subset_is_made_of_its_keys():
    assert subset_of(completed(), "sfw_512px") == Subset(
        name="sfw_512px",
        folder="512px",
        safe=True,
        size=512,
        background="auto",
        format="jpeg",
        quality=90,
    )


def test_releases_are_in_the_order_of_their_last_day():
    days = {"b": "2018-12-31", "a": "2019-12-31", "d": "2017-12-31", "c": "2018-12-31"}
    config = {"releases": {release: {"last_upload": day} for release, day in days.items()}}
    assert in_order(config) == ["d", "b", "c", "a"]
    assert [previous_of(config, release) for release in "dbca"] == [None, "d", "b", "c"]


def test_a_corpus_is_counted_from_the_repository(tmp_path):
    config = {"source": {"kind": "embedded", "corpus": "../corpus"}}
    assert resolved_source(config, str(tmp_path / "repository"))["corpus"] == str(
        tmp_path / "corpus"
    )
    assert config["source"]["corpus"] == "../corpus"


def test_an_absolute_corpus_stays_where_it_is(tmp_path):
    config = {"source": {"kind": "embedded", "corpus": str(tmp_path)}}
    assert resolved_source(config, "/elsewhere")["corpus"] == str(tmp_path)


@pytest.mark.parametrize("source", [{"kind": "embedded", "corpus": None}, SITE])
def test_a_source_without_a_corpus_stays_as_it_is(source):
    assert resolved_source({"source": source}, "/elsewhere") == source


@pytest.mark.parametrize(
    ("destination", "target"),
    [
        ("/srv/booru", "/srv/booru/danbooru2018/"),
        ("/srv/booru/", "/srv/booru/danbooru2018/"),
        ("host:booru", "host:booru/danbooru2018/"),
        ("rsync://host/module", "rsync://host/module/danbooru2018/"),
        ("/", "/danbooru2018/"),
    ],
)
def test_a_release_is_published_below_the_destination(destination, target):
    config = {"name": "danbooru", "staging": {"destination": destination}}
    assert publish_target(config, "2018") == target


def test_a_release_is_not_published_nowhere():
    with pytest.raises(InvalidConfiguration) as problem:
        publish_target(completed(), "2018")
    assert str(problem.value) == (
        "configuration: staging.destination: is not set\n"
        "  hint: name a folder, `host:folder` or `rsync://host/module` there"
    )


@pytest.mark.parametrize("name", ["original", "metadata", "release_2019", "plan_bucket"])
def test_a_subset_may_not_have_the_name_of_something_else(name):
    subset = {"folder": "small", "safe": True, "size": 64, "background": "auto"}
    config = complete(DEFAULTS, {"subsets": {name: {**subset, "format": "png", "quality": 9}}})
    with pytest.raises(InvalidConfiguration, match=f"subsets.{name}: is a reserved name"):
        check(config, SCHEMA)


def test_a_subset_that_is_null_is_none():
    assert complete(DEFAULTS, {"subsets": {"sfw_512px": None}})["subsets"] == {}


def test_two_releases_cannot_end_on_one_day():
    release = {"last_upload": "2019-12-31", "safe_ratings": ["g"]}
    config = complete(DEFAULTS, {"releases": {"2019": release, "2020": release}})
    with pytest.raises(InvalidConfiguration, match=r"2020\.last_upload: is the day of"):
        check(config, SCHEMA)
