"""Validates values of our own files by their JSON Schemas, with positions."""

from collections.abc import Callable, Iterator
from itertools import islice

from gitops_orch.manifest.problems.model_problems import dotted, shortened
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.problems.safe_quotes import unquoted
from gitops_orch.manifest.schema.schema_files import surely_allows
from gitops_orch.model.problem import Position, Problem

MISTAKES_MAX = 100  # of a value: more problems are of no use


def schema_problems(
    value: object, schema: str, place: Callable[[KeyPath], Position], prefix: KeyPath = ()
) -> Iterator[Problem]:
    """Yield every mistake of a value; `schema` is a file's name, with `#/pointer` for a part of it.

    `prefix` is the path of the value in its document; `place` maps a path of keys to a position.
    """
    if surely_allows(schema, value):
        return
    from gitops_orch.manifest.schema.schema_errors import (
        schema_mistakes,  # Note [Two passes] in schema_files.py
    )

    found = (((*prefix, *path), message) for path, message in schema_mistakes(value, schema))
    for whole, message in islice(dict.fromkeys(found), MISTAKES_MAX):
        shown = unquoted(whole, message)
        text = f"{dotted(whole)}: {shown}" if whole else shown
        yield Problem(position=place(whole), message=shortened(text))
