import jsonschema
import pytest

from orchestrator.model.sample import sample_of

SCHEMAS = [
    {"type": "string", "minLength": 200},
    {"type": "string", "maxLength": 3},
    {"type": "string", "format": "date"},
    {"type": "integer", "minimum": 3},
    {"type": "integer", "exclusiveMinimum": 3.5, "multipleOf": 5},
    {"type": "number", "maximum": -2},
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["integer", "null"]},
    {"enum": ["b", "a"]},
    {"const": 7},
    {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "string"}, "maxItems": 0},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2},
    {"properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
    {
        "type": "object",
        "properties": {"inner": {"$ref": "#/$defs/inner"}},
        "required": ["inner"],
        "$defs": {"inner": {"type": "object", "properties": {"n": {"type": "number"}}}},
    },
    {
        "$ref": "#/$defs/tree",
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
                "required": ["kids"],
            }
        },
    },
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        ]
    },
    {},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_a_sample_fits_its_schema(schema):
    jsonschema.validate(sample_of(schema, "text"), schema)


def test_a_string_that_may_be_anything_is_the_text():
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}

    assert sample_of(schema, "made up") == {"title": "made up"}
