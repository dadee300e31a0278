"""The mistakes of one file, gathered with the path of the value that each is about."""

from dataclasses import dataclass, field

from gitops_orch.manifest.problems.limits import SizeBudget
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.model.problem import Severity

MESSAGE_MAX = 2_000  # characters
KEY_SHOWN_MAX = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake or a warning about the value at a path of the model."""

    path: KeyPath
    message: str
    severity: Severity = Severity.ERROR


@dataclass(slots=True)
class Report:
    """Where the reader is in the model, and what it found there."""

    findings: list[Finding] = field(default_factory=list)
    trail: list[str | int] = field(default_factory=list)
    budget: SizeBudget = field(default_factory=SizeBudget)
    spoiled: set[str] = field(
        default_factory=set
    )  # services that take over what has a mistake in another file

    def error(self, message: str, *below: str | int) -> None:
        """Note a mistake about the value being read, or one below it."""
        self.findings.append(Finding((*self.trail, *below), shortened(message)))

    def warn(self, message: str, *below: str | int) -> None:
        """Note what works but surprises."""
        self.findings.append(Finding((*self.trail, *below), shortened(message), Severity.WARNING))

    def error_at(self, path: KeyPath, message: str) -> None:
        """Note a mistake about the value at a path of the whole model."""
        self.findings.append(Finding(path, shortened(message)))

    def inside(self, *keys: str | int) -> "_Inside":
        """Read below the keys."""
        return _Inside(self.trail, keys)

    @property
    def failed(self) -> bool:
        """Return whether a mistake was found."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def flawed(self, kind: str) -> frozenset[str]:
        """Return the names below a section of the model that have a mistake."""
        taken_over = self.spoiled if kind == "services" else set()
        return frozenset(taken_over) | frozenset(
            str(finding.path[1])
            for finding in self.findings
            if finding.severity is Severity.ERROR and finding.path[:1] == (kind,) and len(finding.path) > 1
        )


class _Inside:
    """A part of the model that is being read; an exception leaves the trail where it was raised."""

    __slots__ = ("_count", "_keys", "_trail")

    def __init__(self, trail: list[str | int], keys: tuple[str | int, ...]) -> None:
        self._trail, self._keys, self._count = trail, keys, len(trail)

    def __enter__(self) -> None:
        self._trail.extend(self._keys)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            del self._trail[self._count :]


def dotted(path: KeyPath) -> str:
    """Return a path of keys as messages show it: `services.api.ports[0]`."""
    text = ""
    for key in path:
        text += (
            f"[{key}]"
            if isinstance(key, int)
            else f"{'.' if text else ''}{shortened(str(key), KEY_SHOWN_MAX)}"
        )
    return text


def shortened(text: str, most: int = MESSAGE_MAX) -> str:
    """Return a text that is no longer than a reader, or five hundred of them in memory, can bear."""
    return text if len(text) <= most else text[:most] + "…"
