"""Validates a model by the Compose schema: fast for valid models, precise about mistakes.

Note [Two passes]
A general validator takes milliseconds for a small file, and ten thousand files must load in seconds. So the schema file
is compiled once to plain functions that return True or False. Only after False are the reasons searched for.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.problems.suggest import did_you_mean
from gitops_orch.manifest.syntax.yaml_scalars import Timestamp

Check: TypeAlias = Callable[[Any], bool]
Mistake: TypeAlias = tuple[KeyPath, str]
MISTAKES_MAX = 200  # of one file: more problems are of no use
SHOWN_LENGTH_MAX = 60

_SERVICE_SIGNS = ("image", "build")
TYPE_WORDS = {  # how a message names a type of JSON Schema
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
}


@cache
def compose_schema() -> Mapping[str, Any]:
    """Return the schema file in `schemas/`."""
    package = files("gitops_orch")
    inside = package.joinpath("schemas", "compose.schema.json")
    # In a checkout, the only copy of the schemas is next to the package; in a wheel, inside it.
    place = inside if inside.is_file() else package.joinpath("..", "schemas", "compose.schema.json")
    loaded: Mapping[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return loaded


def schema_mistakes(model: Mapping[str, Any]) -> list[Mistake]:
    """Return every place where the model violates Compose's schema; empty where it is valid.

    A mistake with an empty message is described by the message of another one.
    """
    schema = compose_schema()
    if _compiled("#")(model):
        return []
    found: list[Mistake] = []
    for mistake in _explain(schema, model, ()):
        found.append(mistake)
        if len(found) >= MISTAKES_MAX:
            break
    return found


def describe(value: object) -> str:
    """Return a value as text for the end of a sentence: `the text "yes"`, `a list`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, Timestamp):
        return f"the date {value.json}"
    if isinstance(value, str):
        shown = value if len(value) <= SHOWN_LENGTH_MAX else value[:SHOWN_LENGTH_MAX] + "…"
        return f"the text {json.dumps(shown, ensure_ascii=False)}"
    return "a mapping" if isinstance(value, dict) else "a list"


def kind_of(value: object) -> str:
    """Return the kind of a value without a quote of it: instead of a mapping there may be a text `PASSWORD=value`."""
    return "text" if isinstance(value, str) else describe(value)


_IS: Mapping[str, Check] = {
    "string": lambda value: type(value) is str,
    "integer": lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    "number": lambda value: type(value) is int or type(value) is float,
    "boolean": lambda value: type(value) is bool,
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
    "null": lambda value: value is None,
}
# The schema types of a Python type; the text type first, because most values are text.
_KINDS: Mapping[type, frozenset[str]] = {
    str: frozenset(("string",)),
    dict: frozenset(("object",)),
    list: frozenset(("array",)),
    int: frozenset(("integer", "number")),
    bool: frozenset(("boolean",)),
    float: frozenset(("number",)),
    type(None): frozenset(("null",)),
}


def _types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    declared = schema.get("type", ())
    return (declared,) if isinstance(declared, str) else tuple(declared)


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: Mapping[str, Any] = compose_schema()["$defs"][reference.rpartition("/")[2]]
    return target


@cache
def _compiled(reference: str) -> Check:
    schema = compose_schema() if reference == "#" else _resolved({"$ref": reference})
    return _compile(schema)


def _compile(schema: Any) -> Check:
    if schema is True:
        return lambda _value: True
    if "$ref" in schema:
        return _compiled(schema["$ref"])
    if "oneOf" in schema:
        branches = tuple(_compile(branch) for branch in schema["oneOf"])
        return lambda value: any(branch(value) for branch in branches)
    types = _types(schema)
    judges: dict[type, Check] = {kind: _accept for kind, names in _KINDS.items() if names & set(types)}
    if "string" in types and "number" in types:
        judges[Timestamp] = _accept  # where any scalar becomes text, a date does too
    if "integer" in types and "number" not in types:
        judges[float] = float.is_integer
    judges |= {kind: check for kind, check in _parts(schema) if kind in judges}

    def check(value: Any) -> bool:
        return judges.get(type(value), _refuse)(value)

    return check


def _accept(_value: Any) -> bool:
    return True


def _refuse(_value: Any) -> bool:
    return False


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[type, Check]]:
    """Yield the further conditions on values of each type."""
    if schema.keys() & {"properties", "patternProperties", "additionalProperties", "required"}:
        yield dict, _object_check(schema)
    if "items" in schema:
        yield list, _list_check(schema)
    if "enum" in schema:
        yield str, frozenset(schema["enum"]).__contains__
    if "minimum" in schema or "maximum" in schema:
        least, most = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
        yield int, lambda value: least <= value <= most


def _object_check(schema: Mapping[str, Any]) -> Check:
    properties = {key: _compile(part) for key, part in schema.get("properties", {}).items()}
    patterns = tuple(
        (_matcher(key), _compile(part)) for key, part in schema.get("patternProperties", {}).items()
    )
    other = _accept if schema.get("additionalProperties", True) is not False else _refuse
    required = tuple(schema.get("required", ()))

    def check_reference(key: str) -> Check:
        for matches, part in patterns:
            if matches(key):
                return part
        return other

    def check(value: dict[str, Any]) -> bool:
        for key, item in value.items():
            if not (properties.get(key) or check_reference(key))(item):
                return False
        return not required or all(key in value for key in required)

    return check


def _list_check(schema: Mapping[str, Any]) -> Check:
    item_check = _compile(schema["items"])
    if not schema.get("uniqueItems"):
        return lambda value: all(map(item_check, value))
    return lambda value: all(map(item_check, value)) and first_repeated(value) is None


def first_repeated(values: list[Any]) -> int | None:
    """Return the index of the first value that repeats an earlier one; None where all differ."""
    seen: set[str] = set()
    for index, value in enumerate(values):
        # Sets by hash: to compare every pair takes 23 s for 3,000 mappings.
        key = f"s{value}" if type(value) is str else json.dumps(value, sort_keys=True, default=str)
        if key in seen:
            return index
        seen.add(key)
    return None


@cache
def _matcher(pattern: str) -> Callable[[str], Any]:
    if pattern == "^x-":
        return lambda key: key.startswith("x-")
    # In Python `$` also matches before a closing newline; in a schema it must not.
    return re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern).search


def _explain(schema: Any, value: Any, path: KeyPath) -> Iterator[Mistake]:
    schema = _resolved(schema)
    if "oneOf" in schema:
        yield from _explain_choice(schema["oneOf"], value, path)
        return
    types = _types(schema)
    if isinstance(value, Timestamp) and "string" in types and "number" in types:
        return
    if types and not any(_IS[name](value) for name in types):
        yield path, _wrong_type(types, value)
    elif type(value) is dict:
        yield from _explain_object(schema, value, path)
    elif type(value) is list:
        yield from _explain_list(schema, value, path)
    elif type(value) is str and value not in schema.get("enum", (value,)):
        choices = schema["enum"]
        yield path, f"must be one of {', '.join(choices)}, is {describe(value)}{did_you_mean(value, choices)}"
    elif type(value) is int:
        least, most = schema.get("minimum", value), schema.get("maximum", value)
        if not least <= value <= most:
            bound = f"at least {least}" if value < least else f"at most {most}"
            yield path, f"must be {bound}, is {value}"


def _explain_choice(branches: list[Any], value: Any, path: KeyPath) -> Iterator[Mistake]:
    resolved = [_resolved(branch) for branch in branches]
    if any(_compile(branch)(value) for branch in branches):
        return
    for branch in resolved:
        if any(_IS[name](value) for name in _types(branch)):
            yield from _explain(branch, value, path)
            return
    yield path, _wrong_type(tuple(name for branch in resolved for name in _types(branch)), value)


def _wrong_type(types: tuple[str, ...], value: Any) -> str:
    words = [TYPE_WORDS[name] for name in types]
    wanted = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
    quote = "; quote it" if "string" in types and isinstance(value, bool | int | float) else ""
    return f"must be {wanted}, is {kind_of(value) if 'object' in types else describe(value)}{quote}"


def _explain_object(schema: Mapping[str, Any], value: dict[str, Any], path: KeyPath) -> Iterator[Mistake]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    patterns: Mapping[str, Any] = schema.get("patternProperties", {})
    strays = [key for key, item in value.items() if not path and _is_stray(key, item, properties)]
    for key, item in value.items():
        part = properties.get(key)
        if part is None:
            part = next((each for pattern, each in patterns.items() if _matcher(pattern)(key)), None)
        if part is None:
            if schema.get("additionalProperties", True) is False:
                yield (
                    (*path, key),
                    _stray(key, strays) if key in strays else _unknown_key(key, properties, patterns),
                )
        elif part is not True:
            yield from _explain(part, item, (*path, key))
    for key in schema.get("required", ()):
        if key not in value:
            yield path, f"{key} is missing"


def _is_stray(key: str, item: Any, properties: Mapping[str, Any]) -> bool:
    """Return whether a top-level key is a service, as in files of 2014."""
    return key not in properties and type(item) is dict and not item.keys().isdisjoint(_SERVICE_SIGNS)


def _stray(key: str, strays: list[str]) -> str:
    """Return the message for a service at the top level: the first one names all, the others have an empty message."""
    if len(strays) == 1:
        return "unknown key; services belong below services:, move it there"
    names = f"{', '.join(strays[:-1])} and {strays[-1]}"
    return (
        f"unknown key; {names} are services, which belong below services:, move them there"
        if key == strays[0]
        else ""
    )


def _unknown_key(key: str, properties: Mapping[str, Any], patterns: Mapping[str, Any]) -> str:
    if properties:
        return f"unknown key{did_you_mean(key, properties)}"
    if not key:
        return "a name must not be empty"
    allowed = (
        "letters, digits, dots, underscores and hyphens" if any("Z0" in name for name in patterns) else "text"
    )
    return f"not a valid name; use {allowed}"


def _explain_list(schema: Mapping[str, Any], value: list[Any], path: KeyPath) -> Iterator[Mistake]:
    for index, item in enumerate(value):
        yield from _explain(schema["items"], item, (*path, index))
    repeated = first_repeated(value) if schema.get("uniqueItems") else None
    if repeated is not None:
        yield (*path, repeated), f"{describe(value[repeated])} is in the list twice; remove one"
