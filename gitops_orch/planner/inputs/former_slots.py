"""A slot whose service is in Git under that name no more, and what is known of its data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from gitops_orch.model.app import AppKey
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.observed import ObservedContainer

ServiceKey: TypeAlias = tuple[AppKey, str]  # app, service


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedSlot:
    """A slot that left Git; one of a silent host has no container, and is known by its last stable release, if at all.

    `data` are the volumes and paths where it has data, by target; None where that is unknown.  With `is_same_service`, a service of the
    commit is likely this one under another name; without, that service only mounts the same volume.
    """

    app: AppKey
    service: str
    slot: int
    host: str
    container: ObservedContainer | None = None
    repository: str = ""  # of its image; "": any
    data: Mapping[str, str] | None = field(default_factory=dict)
    is_same_service: bool = True

    @property
    def key(self) -> ServiceKey:
        """Return whose slot it is."""
        return self.app, self.service

    @property
    def inherited(self) -> tuple[str, ...]:
        """Return the targets of its anonymous volumes."""
        return tuple(target for target, source in (self.data or {}).items() if is_anonymous(source))
