"""Small repositories that are almost right: recorded ones, with a few bytes or values changed."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Files = dict[str, str | bytes]
GOLDEN = Path(__file__).parents[1] / "golden"
FRAGMENTS = [
    "",
    "5",
    "-1",
    "1.5",
    "true",
    "null",
    "[]",
    "{}",
    "[a]",
    "{a: b}",
    "[null]",
    "[[a]]",
    "{a: {b: c}}",
    "${X}",
    "${X:-y}",
    "$",
    "${",
    "!reset x",
    "!override {a: 1}",
    "*a",
    "&a x",
    "2024-01-01",
    "0644",
    "1e999",
    ".inf",
    "!!str 5",
    "!!int x",
    "<<",
    "{<<: {a: 1}}",
    "{<<: [{a: 1}, 5]}",
    "'",
    '"',
    "\t",
    "é",
    "[",
    "]",
    "}",
    "- a",
    "#",
    "? x",
    "99999999999999999999",
]
VALUES: tuple[Any, ...] = (
    *(None, "", 0, 5, -1, 1.5, True, False, [], {}, "x", ["a"], [1], [None], [[1]], {"a": "b"}, {"a": None}),
    *(
        {"a": {"b": "c"}},
        "${X}",
        "${X:-y}",
        "a=b",
        "a:b",
        [{}],
        [{"a": "b"}],
        "service:a",
        "x" * 100,
        ["a", "a"],
    ),
    *({"": 1}, {"x-a": 1}, [True], "1g", "5s", "80:80", "./a:/b"),
)


def _seeds() -> Iterator[dict[str, str]]:
    for group in sorted(GOLDEN.glob("*.jsonl")):
        for line in group.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            if "main" not in case:
                yield case["files"]


SEEDS = tuple(_seeds())


def mutated(chance: random.Random) -> Files:
    """Return a recorded repository with something changed."""
    files: Files = dict(chance.choice(SEEDS))
    name = chance.choice(sorted(files))
    text = str(files[name])
    model = _model(text) if chance.random() < 0.7 else None
    files[name] = _scratched(text.encode(), chance) if model is None else _changed(model, chance)
    return files


def _model(text: str) -> dict[str, Any] | None:
    try:
        read = yaml.safe_load(text)
        json.dumps(read, default=str)  # no cycles
    except (yaml.YAMLError, ValueError, TypeError):
        return None
    return copy.deepcopy(read) if isinstance(read, dict) else None


def _scratched(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        kind = chance.random()
        if kind < 0.5:
            changed[at:at] = chance.choice(FRAGMENTS).encode()
        elif kind < 0.7:
            del changed[at : at + chance.randint(1, 10)]
        else:
            changed[at:at] = bytes([chance.randrange(256)])
    return bytes(changed)


def _changed(model: dict[str, Any], chance: random.Random) -> str:
    for _ in range(chance.randint(1, 4)):
        places = list(_places(model))
        if not places:
            break
        parent, key = chance.choice(places)
        if chance.random() < 0.2:
            del parent[key]
        elif chance.random() < 0.3 and isinstance(parent, dict):
            other, other_key = chance.choice(places)
            parent[str(other_key)] = copy.deepcopy(other[other_key])
        else:
            parent[key] = copy.deepcopy(chance.choice(VALUES))
    return yaml.safe_dump(model, allow_unicode=True)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield value, key
        yield from _places(child)
