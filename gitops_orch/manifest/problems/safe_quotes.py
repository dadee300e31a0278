"""Decides which part of a value a message may quote.

A message has the position of a mistake: a person who may read the file sees the value there. The message itself is
written to logs, history and notifications, which more people read. So a possible secret is not quoted: a value whose
name indicates a secret, values below `secrets`, values built with a secret variable, and lines of a file of variables.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.model.display.variable_secrets import without_values
from gitops_orch.model.sensitive.secret_words import REDACTED, holds_a_secret, without_secrets

PIECE_CHARS_MIN = 4  # of a value that is redacted in a message about it
# The key below these sections is a name that the user chose
_NAMED_SECTIONS = frozenset({"services", "networks", "volumes", "configs"})
# Their names look like secrets, but they contain none
_KEYS_OF_COMPOSE = frozenset({"secrets", "credential_spec"})
_QUOTED = re.compile(r"(?<!\w)(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')", re.DOTALL)
_BRACED = re.compile(r"\$\{(\w+)")
_ALONE = re.compile(r"\s*\$(\w+)\s*")
_FIRST_TO_LAST = re.compile(r"(?<!\w)[\"'].*[\"']", re.DOTALL)  # a quoted value may contain quotes
_NUMBER = re.compile(r"\b(is (?:the (?:number|date) )?)[-+.\d]\S*(?: [-+:.\d]\S*)*")


def may_be_secret(path: KeyPath) -> bool:
    """Return whether the value at a path of a document may be a secret, by the keys of the path."""
    if path[:1] == ("secrets",):
        return True
    if path[:1] == ("configs",) and "content" in path[2:]:
        return True
    start = 2 if path and path[0] in _NAMED_SECTIONS else 0
    names = [key for key in path[start:] if isinstance(key, str) and key not in _KEYS_OF_COMPOSE]
    return any(holds_a_secret(name.partition("=")[0]) for name in names)


def _without(quoted: str) -> str:
    sign, inside = quoted[0], quoted[1:-1]
    shown = without_secrets(inside)
    return quoted if shown == inside else f"{sign}{shown}{sign}"


class SecretValues:
    """The paths of values that were built with a secret variable, and the values of those variables.

    While files are merged, a value keeps its path, except for its index in a list and the name of its service: these do
    not count.
    """

    def __init__(self) -> None:
        self._places: set[KeyPath] = set()
        self._values: set[str] = set()

    def note(self, path: KeyPath, names: Iterable[str], variables: Mapping[str, str]) -> None:
        """Record a path whose value uses these variables, where one of them is a secret."""
        secrets = [name for name in names if holds_a_secret(name)]
        if secrets:
            self._places.add(_general(path))
            self._values |= {variables.get(name) or "" for name in secrets}

    def holds(self, path: KeyPath) -> bool:
        """Return whether the value at a path, or a value that contains it, was built with a secret."""
        if not self._places:
            return False
        general = _general(path)
        return any(general[:length] in self._places for length in range(1, len(general) + 1))

    def redacted(self, message: str) -> str:
        """Return a message about such a value without the variables' values, which it may repeat without quotes."""
        return without_values(message, {value for value in self._values if len(value) >= PIECE_CHARS_MIN})


def unquoted(path: KeyPath, message: str, created: SecretValues | None = None) -> str:
    """Return a message about the value at a path without possible secrets; `created` has further paths of secrets."""
    is_built = created is not None and created.holds(path)
    if created is not None and is_built:
        message = created.redacted(message)
    if is_built or may_be_secret(path):
        return _NUMBER.sub(rf"\1{REDACTED}", _FIRST_TO_LAST.sub(REDACTED, message))
    return _QUOTED.sub(lambda found: _without(found[0]), message)


def _general(path: KeyPath) -> KeyPath:
    """Return a path up to the first list in it, without the name of the service or resource."""
    end = next((index for index, key in enumerate(path) if isinstance(key, int)), len(path))
    return (*path[:1], *path[2:end]) if len(path) > 1 and path[0] in _NAMED_SECTIONS else path[:end]


def is_by_chance(template: str, name: str) -> bool:
    """Return whether a variable may be part of a password with a dollar sign: `pa$word`, not `${WORD}` or `$WORD`."""
    return name not in _on_purpose(template)


@lru_cache(maxsize=1)  # many names of one text may be requested, one after the other
def _on_purpose(template: str) -> frozenset[str]:
    alone = _ALONE.fullmatch(template)
    return frozenset(_BRACED.findall(template)) | ({alone[1]} if alone else set())
