"""The results of placement as values: which host runs which slot, or why an app has no hosts for now."""

from dataclasses import dataclass

from gitops_orch.model.app import Service


@dataclass(frozen=True, slots=True)
class Assignment:
    """A slot, and the host that should run it."""

    service: Service
    slot: int
    host: str


@dataclass(frozen=True, slots=True)
class PlacementHold:
    """Why an app cannot be placed. With `unknown`, it waits for the answer of these hosts."""

    reason: str
    needs_person: bool = True
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPlacement:
    """The hosts of an app's slots; none with `hold`, which says why. `unknown` hosts keep slots but do not answer."""

    assignments: tuple[Assignment, ...] = ()
    hold: str = ""
    error: bool = False
    unknown: tuple[str, ...] = ()
