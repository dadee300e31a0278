"""Explains the mistakes of a value by a schema: the path of each, and a message that a person can act on.

References resolve among the files of `schemas/` and nowhere else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource

from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.problems.suggest import did_you_mean
from gitops_orch.manifest.schema.compose_schema import TYPE_WORDS, describe
from gitops_orch.manifest.schema.schema_files import SCHEMA_NAMES, exact, read_schema

_LIMIT_WORDS = {
    "minimum": "must be at least {wanted}, is {size}",
    "maximum": "must be at most {wanted}, is {size}",
    "minLength": "must not be empty",
    "minItems": "must not be empty",
    "maxLength": "must have at most {wanted} characters, has {size}",
    "maxItems": "must have at most {wanted} entries, has {size}",
    "dependentRequired": "cert and key go together; give both or none",
}


def schema_mistakes(value: object, schema: str) -> Iterator[tuple[KeyPath, str]]:
    """Yield every mistake of a value, by its path of keys; `schema` is a file's name, or one with `#/pointer`."""
    for error in _validator(schema).iter_errors(value):
        yield from _explain(error)


@cache
def _registry() -> Registry[Any]:
    resources = (Resource.from_contents(read_schema(name)) for name in SCHEMA_NAMES)
    return resources @ Registry()  # no retrieve function: nothing is ever fetched


@cache
def _validator(schema: str) -> Draft202012Validator:
    name, _, pointer = schema.partition("#")
    root = read_schema(name) if not pointer else {"$ref": f"{read_schema(name)['$id']}#{pointer}"}
    validator: Draft202012Validator = _Exact(root, registry=_registry())
    return validator


def _exact_pattern(
    _validator: Any, pattern: str, instance: object, _schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not exact(pattern).search(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Exact: Any = extend(Draft202012Validator, {"pattern": _exact_pattern})  # type: ignore[no-untyped-call]  # stub


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mistake:
    """A validation error in the form that this module uses."""

    path: KeyPath
    rule: str
    wanted: Any
    value: Any
    schema: Mapping[str, Any]
    is_key: bool  # the mistake is in a key of the mapping at `path`, not in a value


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
            return f"must be {TYPE_WORDS.get(str(wanted), str(wanted))}, is {found}{quote}"
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
