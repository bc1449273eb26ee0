"""JSON Schemas that come from outside: whether they can be used, and what does not fit them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import referencing.exceptions
import referencing.jsonschema
from jsonschema import exceptions as schema_errors
from jsonschema import validators

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_UNREACHABLE = (
    referencing.exceptions.Unresolvable,
    referencing.jsonschema.UnknownDialect,
)
_MAX_MISFITS = 20
_MAX_WORDS = 300


def is_sound(schema: dict[str, Any]) -> bool:
    """Whether data can be checked against it without reaching for anything outside it."""
    dialect = str(schema.get("$schema", _DIALECT))
    try:
        own = referencing.jsonschema.specification_with(dialect).create_resource(schema)
        validators.validator_for(schema).check_schema(schema)
        resolver = referencing.Registry().with_resource("", own).resolver()
        for reference in _references(schema):
            resolver.lookup(reference)
        validators.validator_for(schema)(schema).is_valid({})
    except (schema_errors.SchemaError, RecursionError, *_UNREACHABLE):
        return False
    return True


def misfits(schema: dict[str, Any], data: Any) -> list[str]:
    """What in `data` does not fit the sound `schema`, a sentence each with its place."""
    validator = validators.validator_for(schema)(schema)
    try:
        errors = sorted(validator.iter_errors(data), key=lambda error: list(map(str, error.path)))
    except RecursionError:
        return ["$: it could not be checked, because the schema goes round in a circle."]
    return [f"{e.json_path}: {e.message[:_MAX_WORDS]}." for e in errors[:_MAX_MISFITS]]


def _references(schema: object) -> Iterable[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield value
            yield from _references(value)
