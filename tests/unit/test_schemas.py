import pytest

from orchestrator import schemas

DEEP = {"type": "object"}
for _ in range(2_000):
    DEEP = {"properties": {"a": DEEP}}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"count": {"type": "integer"}}},
        {"$defs": {"a": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/a"}}},
        {"properties": {"child": {"$ref": "#"}}},
    ],
)
def test_a_schema_that_stands_by_itself_is_sound(schema):
    assert schemas.is_sound(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number", "minimum": "many"},
        {"properties": {"a": {"pattern": "("}}},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema.json"},
        {"$schema": "https://example.com/dialect"},
        DEEP,
    ],
)
def test_a_schema_that_cannot_be_checked_against_is_not_sound(schema):
    assert not schemas.is_sound(schema)


def test_each_misfit_is_told_with_its_place():
    schema = {
        "properties": {"b": {"type": "integer"}, "a": {"enum": ["x"]}},
        "required": ["c"],
    }
    assert schemas.misfits(schema, {"a": "y", "b": "z"}) == [
        "$: 'c' is a required property.",
        "$.a: 'y' is not one of ['x'].",
        "$.b: 'z' is not of type 'integer'.",
    ]


def test_a_circle_that_only_the_data_leads_into_is_told():
    schema = {"properties": {"a": {"$defs": {}, "$ref": "#/properties/a"}}}
    assert schemas.misfits(schema, {"a": 1}) == [
        "$: it could not be checked, because the schema goes round in a circle."
    ]
