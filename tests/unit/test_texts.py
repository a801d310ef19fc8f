"""Values of --config arrive as text and are read as the schema wants them."""

from pathlib import Path

import pytest
from booru_release.texts import typed

SCHEMA = Path(__file__).parents[2] / "config" / "config.schema.yaml"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"subsets": {"small": {"size": "64"}}}, {"subsets": {"small": {"size": 64}}}),
        ({"subsets": {"small": {"safe": "false"}}}, {"subsets": {"small": {"safe": False}}}),
        ({"source": {"corpus": "null"}}, {"source": {"corpus": None}}),
        ({"source": {"requests_per_second": "2.5"}}, {"source": {"requests_per_second": 2.5}}),
        ({"source": {"requests_per_second": "None"}}, {"source": {"requests_per_second": None}}),
    ],
)
def test_numbers_that_came_as_text_are_numbers(given, read):
    assert typed(given, SCHEMA) == read


@pytest.mark.parametrize(
    "kept",
    [
        {"name": "2018"},
        {"source": {"contact": "12"}},
        {"releases": {"2018": {"last_upload": "2018-12-31"}}},
        {"torrents": {"trackers": ["8"]}},
        {"buckets": 4, "fetch_deleted": True, "unknown": {"key": "4"}},
    ],
)
def test_texts_that_may_be_texts_stay_as_they_are(kept):
    assert typed(kept, SCHEMA) == kept


def test_a_text_that_is_no_number_stays_one_and_the_schema_will_refuse_it():
    assert typed({"buckets": "many"}, SCHEMA) == {"buckets": "many"}
