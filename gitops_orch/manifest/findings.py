"""The notebook of a pass over one document: problems, each with its place."""

from collections.abc import Callable, Iterable

from gitops_orch.manifest.positions import KeyPath
from gitops_orch.manifest.schema import dotted
from gitops_orch.model.problem import Position, Problem, Severity


class Findings:
    """Collects the problems of one document; a path of keys becomes a position and the head of the message."""

    def __init__(
        self, place: Callable[[KeyPath], Position], says: Callable[[KeyPath], bool] = lambda _: False
    ) -> None:
        self.place = place
        self.says = says  # whether the document itself has a value at a path
        self.problems: list[Problem] = []
        self._told: set[tuple[Position, KeyPath, str]] = set()

    @property
    def failed(self) -> bool:
        """Tell whether any of them is an error."""
        return has_errors(self.problems)

    def error(self, path: KeyPath, message: str) -> None:
        """Note a mistake that keeps the document from being used."""
        self._note(path, message, Severity.ERROR)

    def warn(self, path: KeyPath, message: str, *, at: KeyPath | None = None) -> None:
        """Note something that works, and likely not as meant; `at` is where it stands, if not at its path."""
        self._note(path, message, Severity.WARNING, at)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Take over what another judge found."""
        self.problems.extend(problems)

    def _note(self, path: KeyPath, message: str, severity: Severity, at: KeyPath | None = None) -> None:
        where = self.place(path if at is None else at)
        key = (where, path[-1:], message)  # what many values take over from one anchor is one mistake
        if key not in self._told:
            self._told.add(key)
            text = f"{dotted(path)}: {message}" if path else message
            self.problems.append(Problem(position=where, message=text, severity=severity))


def has_errors(problems: Iterable[Problem]) -> bool:
    """Tell whether any problem is an error."""
    return any(is_error(problem) for problem in problems)


def is_error(problem: Problem) -> bool:
    """Tell whether it is an error, not a warning."""
    return problem.severity is Severity.ERROR
