"""Values as JSON has them, and the public JSON shape of a mistake."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from gitops_orch.model.problem import Problem

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Document: TypeAlias = dict[str, Value]


def problem_row(problem: Problem) -> Document:
    """Return one mistake and where it stands."""
    return {
        "path": problem.position.path,
        "line": problem.position.line,
        "column": problem.position.column,
        "severity": problem.severity.value,
        "message": problem.message,
    }


def problem_rows(problems: Iterable[Problem]) -> list[Value]:
    """Return all mistakes in their order."""
    return [problem_row(problem) for problem in problems]


def plain_value(value: object) -> Value:
    """Return what was read back from JSON as a document's value; anything that JSON has no form for as text."""
    if isinstance(value, Mapping):
        return {str(key): plain_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
