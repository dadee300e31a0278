"""Describes a slot whose service is no longer in Git under that name, and where its data is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from gitops_orch.model.app import AppKey
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.observed import OwnedContainer

ServiceKey: TypeAlias = tuple[AppKey, str]  # app, service


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedSlot:
    """A slot that left Git.

    On a host that does not answer, it has no container, and only its last stable release may be known.

    `data` has the volumes and paths of its data, by target; None if that is unknown. With `is_same_service`, a service
    of the commit is likely this one under another name; without it, that service only mounts the same volume.
    """

    app: AppKey
    service: str
    slot: int
    host: str
    container: OwnedContainer | None = None
    repository: str = ""  # of its image; "": any
    data: Mapping[str, str] | None = field(default_factory=dict)
    is_same_service: bool = True

    @property
    def key(self) -> ServiceKey:
        """Return the app and service that the slot belongs to."""
        return self.app, self.service

    @property
    def inherited(self) -> tuple[str, ...]:
        """Return the targets of its anonymous volumes."""
        return tuple(target for target, source in (self.data or {}).items() if is_anonymous(source))
