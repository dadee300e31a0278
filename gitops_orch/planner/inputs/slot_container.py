"""Distinguishes the containers that a slot can have: those of our own, and those that its app adopts."""

from dataclasses import dataclass
from typing import TypeAlias

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import ForeignContainer, OwnedContainer, common_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedContainer(ForeignContainer):
    """A foreign container that an app adopts: its successor takes its place and its data."""

    adopter: AppKey


SlotContainer: TypeAlias = OwnedContainer | AdoptedContainer


def adopted_by(app: AppKey, container: ForeignContainer) -> AdoptedContainer:
    """Return a foreign container as adopted by an app."""
    return AdoptedContainer(**common_fields(container), copy_of=container.copy_of, adopter=app)
