"""Finds NUL characters: YAML can contain one, but no Engine, file name or environment can."""

from collections.abc import Iterable, Iterator
from typing import Any

from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.problems.positions import KeyPath

_ESCAPES = (b"\\0", b"\\x00", b"\\u0000", b"\\U00000000")
MISTAKES_MAX = 20
_MESSAGE = 'holds a NUL character ("\\0"), which no Engine takes; remove it'


def may_hold_nul(contents: Iterable[bytes]) -> bool:
    """Return whether any file could give a value with a NUL; False avoids the walk over all values."""
    return any(
        b"\0" in content or (b"\\" in content and any(sign in content for sign in _ESCAPES))
        for content in contents
    )


def check_nul(model: Any, findings: Findings) -> None:
    """Add a mistake for each key and value of a model that contains a NUL."""
    for count, path in enumerate(_places(model, ())):
        if count >= MISTAKES_MAX:
            return
        findings.error(path, _MESSAGE)


def _places(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, str) and "\0" in value:
        yield path
    elif isinstance(value, dict):
        for key, each in value.items():
            if "\0" in str(key):
                yield path
            yield from _places(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _places(each, (*path, index))
