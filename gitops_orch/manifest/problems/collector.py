"""Collects the problems of one document, each with its position."""

from collections.abc import Callable, Iterable

from gitops_orch.manifest.problems.model_problems import dotted, shortened
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.problems.safe_quotes import SecretValues, unquoted
from gitops_orch.model.problem import Position, Problem, Severity

PROBLEMS_MAX = 2_000  # of one document or app


class ProblemList:
    """A bounded list of problems; it always includes the first error, because an error makes the app invalid."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.failed = False  # whether there is any error

    def has_room(self, severity: Severity) -> bool:
        """Return whether one more problem fits; the caller must then add it."""
        is_first = severity is Severity.ERROR and not self.failed
        self.failed = self.failed or is_first
        return is_first or len(self.problems) < PROBLEMS_MAX

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add the problems that another check found."""
        self.problems += (problem for problem in problems if self.has_room(problem.severity))


class Findings(ProblemList):
    """Collects the problems of one document; a path of keys becomes a position and the start of the message."""

    def __init__(
        self,
        place: Callable[[KeyPath], Position],
        has_value: Callable[[KeyPath], bool] = lambda _: False,
        secret_values: SecretValues | None = None,
    ) -> None:
        super().__init__()
        self._secret_values = secret_values
        self.place = place
        self.has_value = has_value  # whether the document itself has a value at a path
        self._reported: set[tuple[Position, KeyPath, str]] = set()

    def error(self, path: KeyPath, message: str) -> None:
        """Add a mistake that keeps the document from being used."""
        self._note(path, message, Severity.ERROR)

    def warn(self, path: KeyPath, message: str, *, at: KeyPath | None = None) -> None:
        """Add a warning: valid, but likely not as intended; `at` is its position, if not at its path."""
        self._note(path, message, Severity.WARNING, at)

    def _note(self, path: KeyPath, message: str, severity: Severity, at: KeyPath | None = None) -> None:
        if not self.has_room(severity):
            return
        message = unquoted(path, message, self._secret_values)
        where = self.place(path if at is None else at)
        # A mistake in an anchor is one mistake, however many values use the anchor
        key = (where, path[-1:], message)
        if key not in self._reported:
            self._reported.add(key)
            text = shortened(f"{dotted(path)}: {message}" if path else message)
            self.problems.append(Problem(position=where, message=text, severity=severity))


def has_errors(problems: Iterable[Problem]) -> bool:
    """Return whether any problem is an error."""
    return any(is_error(problem) for problem in problems)


def is_error(problem: Problem) -> bool:
    """Return whether a problem is an error, not a warning."""
    return problem.severity is Severity.ERROR
