"""The notebook of a pass over one document: problems, each with its place."""

from collections.abc import Callable, Iterable

from gitops_orch.manifest.problems.model_problems import dotted, shortened
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.problems.safe_quotes import SecretValues, unquoted
from gitops_orch.model.problem import Position, Problem, Severity

PROBLEMS_MAX = 2_000  # of one document or app


class ProblemList:
    """Problems, no more than help anybody; but never without the first error, for that decides."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.failed = False  # whether there is any error

    def has_room(self, severity: Severity) -> bool:
        """Tell whether one more is worth telling; what is, must be added."""
        is_first = severity is Severity.ERROR and not self.failed
        self.failed = self.failed or is_first
        return is_first or len(self.problems) < PROBLEMS_MAX

    def extend(self, problems: Iterable[Problem]) -> None:
        """Take over what another judge found."""
        self.problems += (problem for problem in problems if self.has_room(problem.severity))


class Findings(ProblemList):
    """Collects the problems of one document; a path of keys becomes a position and the head of the message."""

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
        """Note a mistake that keeps the document from being used."""
        self._note(path, message, Severity.ERROR)

    def warn(self, path: KeyPath, message: str, *, at: KeyPath | None = None) -> None:
        """Note something that works, and likely not as meant; `at` is where it stands, if not at its path."""
        self._note(path, message, Severity.WARNING, at)

    def _note(self, path: KeyPath, message: str, severity: Severity, at: KeyPath | None = None) -> None:
        if not self.has_room(severity):
            return
        message = unquoted(path, message, self._secret_values)
        where = self.place(path if at is None else at)
        key = (where, path[-1:], message)  # what many values take over from one anchor is one mistake
        if key not in self._reported:
            self._reported.add(key)
            text = shortened(f"{dotted(path)}: {message}" if path else message)
            self.problems.append(Problem(position=where, message=text, severity=severity))


def has_errors(problems: Iterable[Problem]) -> bool:
    """Tell whether any problem is an error."""
    return any(is_error(problem) for problem in problems)


def is_error(problem: Problem) -> bool:
    """Tell whether it is an error, not a warning."""
    return problem.severity is Severity.ERROR
