"""Reads the schemas of our own files in `schemas/`, and decides quickly whether a value is surely valid.

Note [Two passes]
The general validator takes longer to import than a small repository takes to load. Most values have no mistake, and a
page of code can decide that. It returns True only where it is sure. For a keyword or a type that it does not know it
returns False; the general validator (schema_errors.py) then decides and explains.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

SCHEMA_NAMES = ("host", "fleet", "x-gitops")
_NOTES = frozenset(("$schema", "$id", "$defs", "title", "description", "default"))  # they restrict nothing
_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


@cache
def read_schema(name: str) -> Mapping[str, Any]:
    """Return the schema file of this name."""
    package = files("gitops_orch")
    inside = package.joinpath("schemas", f"{name}.schema.json")
    # In a checkout, the only copy of the schemas is next to the package; in a wheel, inside it.
    place = inside if inside.is_file() else package.joinpath("..", "schemas", f"{name}.schema.json")
    loaded: Mapping[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return loaded


@cache
def exact(pattern: str) -> re.Pattern[str]:
    """Return a schema's pattern; in Python `$` also matches before a closing newline, in a schema it must not."""
    return re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern)


def surely_allows(schema: str, value: object) -> bool:
    """Return whether a value surely has no mistake; `schema` is a file's name, or one with `#/pointer` for a part."""
    name, _, pointer = schema.partition("#")
    part: Any = read_schema(name)
    for key in pointer.split("/")[1:]:
        part = part[key]
    return _allows(part, value, name)


def _allows(schema: Any, value: object, file: str) -> bool:
    if isinstance(schema, bool):
        return schema
    return all(
        keyword in _NOTES or (keyword in _RULES and _RULES[keyword](schema, value, file))
        for keyword in schema
    )


_Rule: TypeAlias = Callable[[Mapping[str, Any], Any, str], bool]


def _type(schema: Mapping[str, Any], value: object, _file: str) -> bool:
    declared = schema["type"]
    names = (declared,) if isinstance(declared, str) else declared
    return any(type(value) is _TYPES.get(name) for name in names)


def _reference(schema: Mapping[str, Any], value: object, file: str) -> bool:
    name, _, pointer = schema["$ref"].removeprefix("urn:gitops-orch:").partition("#")
    known = name in ("", *SCHEMA_NAMES)
    return known and surely_allows(f"{name or file}#{pointer}", value)


def _properties(schema: Mapping[str, Any], value: object, file: str) -> bool:
    parts = schema["properties"]
    return not isinstance(value, dict) or all(
        _allows(parts[key], item, file) for key, item in value.items() if key in parts
    )


def _other_properties(schema: Mapping[str, Any], value: object, file: str) -> bool:
    named, part = schema.get("properties", ()), schema["additionalProperties"]
    return not isinstance(value, dict) or all(
        _allows(part, item, file) for key, item in value.items() if key not in named
    )


def _property_names(schema: Mapping[str, Any], value: object, file: str) -> bool:
    return not isinstance(value, dict) or all(_allows(schema["propertyNames"], key, file) for key in value)


def _required_together(schema: Mapping[str, Any], value: object, _file: str) -> bool:
    return not isinstance(value, dict) or all(
        key not in value or set(others) <= value.keys() for key, others in schema["dependentRequired"].items()
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_RULES: Mapping[str, _Rule] = {
    "type": _type,
    "$ref": _reference,
    "properties": _properties,
    "additionalProperties": _other_properties,
    "propertyNames": _property_names,
    "dependentRequired": _required_together,
    "required": lambda schema, value, _: (
        not isinstance(value, dict) or set(schema["required"]) <= value.keys()
    ),
    "maxProperties": lambda schema, value, _: (
        not isinstance(value, dict) or len(value) <= schema["maxProperties"]
    ),
    "items": lambda schema, value, file: (
        not isinstance(value, list) or all(_allows(schema["items"], item, file) for item in value)
    ),
    "minItems": lambda schema, value, _: not isinstance(value, list) or len(value) >= schema["minItems"],
    "maxItems": lambda schema, value, _: not isinstance(value, list) or len(value) <= schema["maxItems"],
    "const": lambda schema, value, _: type(value) is str and value == schema["const"],
    "enum": lambda schema, value, _: type(value) is str and value in schema["enum"],
    "pattern": lambda schema, value, _: (
        not isinstance(value, str) or exact(schema["pattern"]).search(value) is not None
    ),
    "minLength": lambda schema, value, _: not isinstance(value, str) or len(value) >= schema["minLength"],
    "maxLength": lambda schema, value, _: not isinstance(value, str) or len(value) <= schema["maxLength"],
    "minimum": lambda schema, value, _: not _is_number(value) or value >= schema["minimum"],
    "maximum": lambda schema, value, _: not _is_number(value) or value <= schema["maximum"],
}
