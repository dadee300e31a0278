"""JSON Schemas as judges: what is wrong with a value, where, and in words a person can act on.

The schemas are the files of `schemas/`, as editors use them.  References resolve among those files and nowhere else.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource

from gitops_orch.manifest.positions import KeyPath
from gitops_orch.manifest.report import dotted, shortened
from gitops_orch.manifest.suggest import did_you_mean
from gitops_orch.manifest.unquoted import unquoted
from gitops_orch.model.problem import Position, Problem

SCHEMA_NAMES = ("host", "fleet", "x-gitops")
MISTAKES_MAX = 100  # per value: beyond that, one more sentence helps nobody
SHOWN_LENGTH_MAX = 60

_TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
}
_LIMIT_WORDS = {
    "minimum": "must be at least {wanted}, is {size}",
    "maximum": "must be at most {wanted}, is {size}",
    "minLength": "must not be empty",
    "minItems": "must not be empty",
    "maxLength": "must have at most {wanted} characters, has {size}",
    "maxItems": "must have at most {wanted} entries, has {size}",
    "dependentRequired": "cert and key go together; give both or none",
}


def schema_problems(
    value: object, schema: str, place: Callable[[KeyPath], Position], prefix: KeyPath = ()
) -> Iterator[Problem]:
    """Yield every mistake of a value; `schema` is a file's name, with `#/pointer` for a part of it.

    `prefix` is where the value stands in its document; `place` maps a path of keys to a position.
    """
    errors = _validator(schema).iter_errors(value)
    found = (((*prefix, *path), message) for error in errors for path, message in _explain(error))
    for whole, message in islice(dict.fromkeys(found), MISTAKES_MAX):
        said = unquoted(whole, message)
        text = f"{dotted(whole)}: {said}" if whole else said
        yield Problem(position=place(whole), message=shortened(text))


def describe(value: object) -> str:
    """Return a value in words, for the end of a sentence: `the text "yes"`, `a list`."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            shown = value if len(value) <= SHOWN_LENGTH_MAX else value[:SHOWN_LENGTH_MAX] + "…"
            return f"the text {json.dumps(shown, ensure_ascii=False)}"
        case Mapping():
            return "a mapping"
        case _:
            return "a list"


@cache
def _registry() -> Registry[Any]:
    resources = (Resource.from_contents(_schema(name)) for name in SCHEMA_NAMES)
    return resources @ Registry()  # no retrieve function: nothing is ever fetched


@cache
def _schema(name: str) -> Mapping[str, Any]:
    package = files("gitops_orch")
    inside = package.joinpath("schemas", f"{name}.schema.json")
    # In a checkout the one copy of the schemas stands beside the package, in a wheel inside it.
    place = inside if inside.is_file() else package.joinpath("..", "schemas", f"{name}.schema.json")
    loaded: Mapping[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return loaded


@cache
def _validator(schema: str) -> Draft202012Validator:
    name, _, pointer = schema.partition("#")
    root = _schema(name) if not pointer else {"$ref": f"{_schema(name)['$id']}#{pointer}"}
    validator: Draft202012Validator = _Exact(root, registry=_registry())
    return validator


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # In Python `$` also matches before a closing newline; in a schema it must not.
    return re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern)


def _exact_pattern(
    _validator: Any, pattern: str, instance: object, _schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Exact: Any = extend(Draft202012Validator, {"pattern": _exact_pattern})  # type: ignore[no-untyped-call]  # stub


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mistake:
    """A validation error as the rest of this file reads it."""

    path: KeyPath
    rule: str
    wanted: Any
    value: Any
    schema: Mapping[str, Any]
    is_key: bool  # it is a key of the mapping at `path` that is wrong, not a value


def _mistake(error: ValidationError) -> _Mistake:
    return _Mistake(
        path=tuple(error.absolute_path),
        rule=str(error.validator),
        wanted=error.validator_value,
        value=error.instance,
        schema=error.schema if isinstance(error.schema, Mapping) else {},
        is_key="propertyNames" in error.absolute_schema_path,
    )


def _explain(error: ValidationError) -> Iterator[tuple[KeyPath, str]]:
    mistake = _mistake(error)
    if mistake.rule == "additionalProperties":
        known = list(mistake.schema.get("properties", ()))
        for key in mistake.value:
            if key not in known:
                yield (*mistake.path, key), f"unknown key{did_you_mean(str(key), known)}"
    elif mistake.rule == "required":
        for key in mistake.wanted:
            if key not in mistake.value:
                yield mistake.path, f"{key} is missing"
    elif mistake.is_key:
        expected = mistake.schema.get("description", "a valid key")
        yield (*mistake.path, str(mistake.value)), f"the key must be {expected}"
    else:
        yield mistake.path, _sentence(mistake) or error.message


def _sentence(mistake: _Mistake) -> str:
    wanted, value = mistake.wanted, mistake.value
    match mistake.rule:
        case "type":
            quote = "; quote it" if wanted == "string" and isinstance(value, bool | int | float) else ""
            found = "text" if wanted == "object" and isinstance(value, str) else describe(value)
            return f"must be {_TYPE_WORDS.get(str(wanted), str(wanted))}, is {found}{quote}"
        case "enum":
            choices = [str(choice) for choice in wanted]
            return f"must be one of {', '.join(choices)}, is {describe(value)}{did_you_mean(str(value), choices)}"
        case "pattern":
            expected = mistake.schema.get("description", f"of the form {wanted}")
            return f"must be {expected}, is {describe(value)}"
        case limit if limit in _LIMIT_WORDS:
            size = len(value) if isinstance(value, str | list) else value
            return _LIMIT_WORDS[limit].format(wanted=wanted, size=size)
        case _:
            return ""
