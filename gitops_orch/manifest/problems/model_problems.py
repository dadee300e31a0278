"""Collects the mistakes of one file, each with the path of its value."""

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
    """The reader's path in the model, and the findings so far."""

    findings: list[Finding] = field(default_factory=list)
    trail: list[str | int] = field(default_factory=list)
    budget: SizeBudget = field(default_factory=SizeBudget)
    # Services that extend a service with a mistake in another file
    spoiled: set[str] = field(default_factory=set)

    def error(self, message: str, *below: str | int) -> None:
        """Add a mistake about the value being read, or one below it."""
        self.findings.append(Finding((*self.trail, *below), shortened(message)))

    def warn(self, message: str, *below: str | int) -> None:
        """Add a warning: valid, but surprising."""
        self.findings.append(Finding((*self.trail, *below), shortened(message), Severity.WARNING))

    def error_at(self, path: KeyPath, message: str) -> None:
        """Add a mistake about the value at a path of the whole model."""
        self.findings.append(Finding(path, shortened(message)))

    def inside(self, *keys: str | int) -> "_Inside":
        """Return a context in which values below these keys are read."""
        return _Inside(self.trail, keys)

    @property
    def failed(self) -> bool:
        """Return whether a mistake was found."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def flawed(self, kind: str) -> frozenset[str]:
        """Return the names in a section of the model that have a mistake."""
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
    """Return a text cut to a length at which a person can read it, and five hundred of them fit into memory."""
    return text if len(text) <= most else text[:most] + "…"
