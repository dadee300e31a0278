"""A mistake in the configuration repository: its position and its severity."""

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """An app with an error is not changed; warnings are shown; notes are shown by `validate` only."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Position:
    """A place in a file of the repository; line and column count from 1, and 0 means the file as a whole."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake; `str()` is `path:line:column: message`, as compilers print it."""

    position: Position
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        label = "" if self.severity is Severity.ERROR else f"{self.severity.value}: "
        return f"{self.position}: {label}{self.message}"
