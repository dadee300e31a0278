"""Plans the repairs of a container in place, in an order in which each step can be executed."""

from collections.abc import Sequence

from gitops_orch.model.app import App
from gitops_orch.model.container import renamed_suffix
from gitops_orch.model.observed import ObservedContainer, State
from gitops_orch.model.plan.kinds import (
    ConnectNetwork,
    DisconnectNetwork,
    Payload,
    Rename,
    Restart,
    Unpause,
    Update,
)
from gitops_orch.model.plan.values import Joining
from gitops_orch.model.rules.addresses import fixed_addresses
from gitops_orch.planner.diff.drift import ContainerDiff, Remedy
from gitops_orch.planner.diff.shared_namespaces import is_lost_namespace
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.removal.removal_steps import grace_s, owned
from gitops_orch.planner.removal.slot_steps import SlotSteps


class Repairer:
    """Adds the steps that repair a slot's container, and those that free its name from other containers."""

    def __init__(self, app: App, steps: SlotSteps, index: Index, pulls: Sequence[str]) -> None:
        self.app = app
        self.steps = steps
        self.draft = steps.draft
        self.index = index
        self.pulls = tuple(pulls)

    def repair(self, slot: Slot, prepared: Sequence[str], parents: Sequence[str]) -> list[str]:
        """Add all repairs that are possible in place, each after the one before it; return the id of the last.

        A container that lost a shared namespace is restarted after its `parents` are healthy.
        """
        done: list[str] = []
        for diff in slot.diffs:
            if diff.remedy is not Remedy.START and slot.current is not None:
                ready = prepared if diff.remedy is Remedy.CONNECT else ()
                ready = parents if is_lost_namespace(diff) else ready
                done = [self._repair_one(slot, slot.current, diff, (*done, *ready))]
        return done

    def _repair_one(
        self, slot: Slot, current: ObservedContainer, diff: ContainerDiff, after: Sequence[str]
    ) -> str:
        if diff.remedy is Remedy.RENAME:
            self.free_name(slot, diff.argument)
        repair = self._payload(slot, current, diff)
        repaired = self.steps.add(
            repair, slot, current.id, diff.reason, after=tuple(after), changes=diff.changes
        )
        if diff.remedy is Remedy.CONNECT:
            asked = fixed_addresses(self.app, slot.service)
            taken = (each for each in asked if each[0] == diff.argument)
            self.draft.ledger.needs_addresses(slot.host, taken, repaired)
        if diff.remedy is Remedy.RENAME:
            self.draft.ledger.releases_name(slot.host, current.name, repaired)
            self.draft.ledger.needs_name(slot.host, diff.argument, repaired)
        return repaired

    def _payload(self, slot: Slot, current: ObservedContainer, diff: ContainerDiff) -> Payload:
        match diff.remedy:
            case Remedy.RENAME:
                return Rename(diff.argument)
            case Remedy.UPDATE:
                return Update(dict(diff.update))
            case Remedy.CONNECT:
                joining = Joining(app=self.app, service=slot.service, slot=slot.assignment.slot)
                return ConnectNetwork(diff.argument, joining)
            case Remedy.DISCONNECT:
                return DisconnectNetwork(diff.argument)
            case Remedy.UNPAUSE:
                return Unpause()
            case Remedy.RESTART:
                return Restart(grace_s=grace_s(current))
            case Remedy.REPLACE | Remedy.START:
                raise ValueError(diff.remedy)  # no repair in place

    def free_name(self, slot: Slot, name: str) -> None:
        """If an old container of ours has the name, rename it first. Its labels still identify it."""
        holder = self.index.hosts[slot.host].names.get(name)
        for old in slot.outdated:
            container = old
            if old.host == slot.host and container is holder and container.state is not State.REMOVING:
                reason = "its successor needs the name"
                renamed = self.draft.add(
                    Rename(f"{name}{renamed_suffix(container)}"),
                    slot.host,
                    container.id,
                    reason,
                    **owned(old),
                    after=self.pulls,
                )
                self.draft.ledger.releases_name(slot.host, name, renamed)
