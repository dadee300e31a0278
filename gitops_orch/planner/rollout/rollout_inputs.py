"""Holds what all steps of an app's rollout are made from, and the steps that later steps wait for."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops_orch.model.app import App
from gitops_orch.planner.diff.slots import AppSlots
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import TargetRelease, World
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.slot_steps import SlotSteps


@dataclass(frozen=True, slots=True)
class AddedSteps:
    """The steps of an app so far that its other services may wait for."""

    created: dict[tuple[str, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # by service and host: the creates
    created_names: set[tuple[str, str]] = field(default_factory=set)  # host and name of each new container
    started: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # by service
    gates: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # by service
    # by id of a container that stays
    repairs: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    # by service and host: the container whose namespaces others can join
    joinable: dict[tuple[str, str], str] = field(default_factory=dict)

    def creates_any(self, service: str) -> bool:
        """Return whether any container of a service is created."""
        return any(ids and name == service for (name, _), ids in self.created.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The rollout of one app: its inputs, and its steps so far."""

    chosen: TargetRelease
    slots: AppSlots
    world: World
    index: Index
    draft: PlanBuilder
    pulls: tuple[str, ...]
    prepared: Mapping[str, tuple[str, ...]]  # by host: the steps that new containers wait for
    added: AddedSteps = field(default_factory=AddedSteps)

    @property
    def app(self) -> App:
        """Return the app as its target release declares it."""
        return self.chosen.app

    @property
    def steps(self) -> SlotSteps:
        """Return the builder of steps on the app's slots."""
        return SlotSteps(self.chosen.app, self.draft)
