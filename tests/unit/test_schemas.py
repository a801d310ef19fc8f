import pytest
from booru_release.schemas import Fault, first_fault

SCHEMA = """
type: object
additionalProperties: false
properties:
  size: {type: integer, minimum: 16, description: Side in pixels.}
  inner: {type: array, items: {type: object, additionalProperties: false, properties: {a: {}}}}
"""


@pytest.fixture
def fault_of(tmp_path):
    schema = tmp_path / "schema.yaml"
    schema.write_text(SCHEMA)
    return lambda values: first_fault(values, schema)


def test_what_is_allowed_has_no_fault(fault_of):
    assert fault_of({"size": 16, "inner": [{"a": 1}]}) is None


def test_a_wrong_value_is_explained_by_what_the_key_is_for(fault_of):
    assert fault_of({"size": 3}) == Fault(
        ("size",), "3 is less than the minimum of 16", "Side in pixels."
    )


def test_an_unknown_key_names_the_nearest_one(fault_of):
    assert fault_of({"sise": 3}) == Fault((), "unknown key `sise`", "did you mean `size`?")


def test_an_unknown_key_that_is_near_to_none_names_all(fault_of):
    assert fault_of({"xyz": 3}) == Fault((), "unknown key `xyz`", "it may have: inner, size")


def test_a_fault_says_where_it_is(fault_of):
    assert fault_of({"inner": [{}, {"b": 1}]}).place == ("inner", 1)


def test_a_key_that_is_no_text_is_named_too(fault_of):
    assert fault_of({7: 1}).what == "unknown key `7`"


def test_what_is_no_object_at_all_is_a_fault(fault_of):
    assert fault_of(None) == Fault((), "None is not of type 'object'", None)
