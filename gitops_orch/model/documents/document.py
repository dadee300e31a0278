"""The types of JSON documents, and the public JSON shape of a problem."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from gitops_orch.model.problem import Problem

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Document: TypeAlias = dict[str, Value]


def problem_row(problem: Problem) -> Document:
    """Return one problem and its position."""
    return {
        "path": problem.position.path,
        "line": problem.position.line,
        "column": problem.position.column,
        "severity": problem.severity.value,
        "message": problem.message,
    }


def problem_rows(problems: Iterable[Problem]) -> list[Value]:
    """Return all problems in their order."""
    return [problem_row(problem) for problem in problems]


def plain_value(value: object) -> Value:
    """Return a value that was read from JSON as a document's value; a value that JSON cannot express becomes text."""
    if isinstance(value, Mapping):
        return {str(key): plain_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
