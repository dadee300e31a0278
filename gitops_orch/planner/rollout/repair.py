"""Plans the repairs of a container in place, in an order in which each step can be executed."""

from collections.abc import Sequence

from gitops_orch.model.app import App, Network
from gitops_orch.model.container import renamed_suffix
from gitops_orch.model.observed import State
from gitops_orch.model.plan import Kind
from gitops_orch.model.rules.addresses import fixed_addresses
from gitops_orch.planner.diff.drift import ContainerDiff, Remedy
from gitops_orch.planner.diff.shared_namespaces import is_lost_namespace
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.plan_builder import StepFields
from gitops_orch.planner.removal.removal_steps import owned
from gitops_orch.planner.removal.slot_steps import SlotSteps
from gitops_orch.planner.resources.networks import connection

_KIND_OF = {
    Remedy.RENAME: Kind.RENAME,
    Remedy.UPDATE: Kind.UPDATE,
    Remedy.CONNECT: Kind.CONNECT_NETWORK,
    Remedy.DISCONNECT: Kind.DISCONNECT_NETWORK,
    Remedy.UNPAUSE: Kind.UNPAUSE,
    Remedy.RESTART: Kind.RESTART,
}


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
                done = [self._repair_one(slot, slot.current.id, diff, (*done, *ready))]
        return done

    def _repair_one(self, slot: Slot, current: str, diff: ContainerDiff, after: Sequence[str]) -> str:
        fields = StepFields(after=tuple(after), changes=diff.changes)
        if diff.remedy is Remedy.UPDATE:
            fields["update"] = dict(diff.update)
        elif diff.remedy is Remedy.CONNECT:
            network = next(each for each in self.app.networks if each.name == diff.argument)
            fields |= connection(self.app, slot.service, slot.assignment.slot, network)
        elif diff.remedy is Remedy.DISCONNECT:
            fields["network"] = Network(key=diff.argument, name=diff.argument, external=True)
        elif diff.remedy is Remedy.RENAME:
            fields["new_name"] = diff.argument
            self.free_name(slot, diff.argument)
        repaired = self.steps.add(_KIND_OF[diff.remedy], slot, current, diff.reason, **fields)
        if diff.remedy is Remedy.CONNECT:
            asked = fixed_addresses(self.app, slot.service)
            taken = (each for each in asked if each[0] == diff.argument)
            self.draft.needs_addresses(slot.host, taken, repaired)
        if diff.remedy is Remedy.RENAME and slot.current is not None:
            self.draft.releases_name(slot.host, slot.current.name, repaired)
            self.draft.needs_name(slot.host, diff.argument, repaired)
        return repaired

    def free_name(self, slot: Slot, name: str) -> None:
        """If an old container of ours has the name, rename it first. Its labels still identify it."""
        holder = self.index.hosts[slot.host].names.get(name)
        for old in slot.outdated:
            container = old
            if old.host == slot.host and container is holder and container.state is not State.REMOVING:
                reason = "its successor needs the name"
                renamed = self.draft.add(
                    Kind.RENAME,
                    slot.host,
                    container.id,
                    reason,
                    **owned(old),
                    after=self.pulls,
                    new_name=f"{name}{renamed_suffix(container)}",
                )
                self.draft.releases_name(slot.host, name, renamed)
