"""Sample data: a small value that fits a JSON Schema."""

from __future__ import annotations

from typing import Any

from orchestrator.model.base import JsonObject

_MAX_DEPTH = 12


def sample_of(schema: Any, text: str) -> Any:
    """A small value that fits the JSON Schema, with `text` where a string may be anything."""
    return _sample(schema, text, schema, 0)


def _sample(schema: Any, text: str, root: Any, depth: int) -> Any:
    if not isinstance(schema, dict):
        return text
    if depth > _MAX_DEPTH:
        return None
    if "$ref" in schema:
        return _sample(_resolved(schema["$ref"], root), text, root, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return _sample(schema[key][0], text, root, depth + 1)
    if schema.get("allOf"):
        schema = _all_of(schema, root)
    return _of_type(schema, text, root, depth)


def _resolved(ref: str, root: Any) -> Any:
    found = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else found
    return found


def _all_of(schema: JsonObject, root: Any) -> JsonObject:
    whole = dict(schema)
    for part in whole.pop("allOf"):
        resolved = _resolved(part["$ref"], root) if "$ref" in part else part
        properties = {**whole.get("properties", {}), **resolved.get("properties", {})}
        required = [*whole.get("required", []), *resolved.get("required", [])]
        whole |= resolved | {"properties": properties, "required": required}
    return whole


def _of_type(schema: JsonObject, text: str, root: Any, depth: int) -> Any:
    match _type_of(schema):
        case "object":
            return _object(schema, text, root, depth)
        case "array":
            return _array(schema, text, root, depth)
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(schema, text)


def _type_of(schema: JsonObject) -> str:
    named = schema.get("type")
    if isinstance(named, list):
        named = named[0] if named else None
    if named is None and "properties" in schema:
        return "object"
    if named is None and "items" in schema:
        return "array"
    return str(named or "string")


def _object(schema: JsonObject, text: str, root: Any, depth: int) -> JsonObject:
    properties = schema.get("properties", {})
    names = [*properties] if depth < _MAX_DEPTH // 2 else []
    names = list(dict.fromkeys([*schema.get("required", []), *names]))
    return {name: _sample(properties.get(name, {}), text, root, depth + 1) for name in names}


def _array(schema: JsonObject, text: str, root: Any, depth: int) -> list[Any]:
    first = [_sample(item, text, root, depth + 1) for item in schema.get("prefixItems", [])]
    few = 1 if depth < _MAX_DEPTH // 2 else 0
    count = min(max(schema.get("minItems", few), len(first)), schema.get("maxItems", 1000))
    items = schema.get("items", {})
    more = range(len(first), count)
    if schema.get("uniqueItems"):
        return first + [_sample(items, f"{text} {n + 1}", root, depth + 1) for n in more]
    return first + [_sample(items, text, root, depth + 1) for _ in more]


def _number(schema: JsonObject) -> int | float:
    whole = _type_of(schema) == "integer"
    least: int | float = schema.get("minimum", 0)
    if "exclusiveMinimum" in schema:
        least = max(least, schema["exclusiveMinimum"] + 1)
    least = min(least, schema.get("maximum", least))
    if "multipleOf" in schema:
        step = schema["multipleOf"]
        least = -(-least // step) * step
    return int(-(-least // 1)) if whole else least


_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "nobody@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def _string(schema: JsonObject, text: str) -> str:
    value = _FORMATS.get(schema.get("format", ""), text)
    longest = schema.get("maxLength", len(value))
    return value[:longest].ljust(schema.get("minLength", 0), ".")
