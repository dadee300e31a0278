"""The steps of one app: pull everywhere, prepare, then make, start, prove and only then take away.

A replaced slot reads, start-first: create, start, wait_healthy, stop old, remove old; stop-first: create, stop old,
start, wait_healthy, remove old.  The old container is therefore there to go back to until the new one has proved itself.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Unpack

from gitops_orch.model.app import Condition, Network, Order, Service
from gitops_orch.model.observed import Health, State
from gitops_orch.model.plan import ContainerIntent, Gate, Kind
from gitops_orch.planner.compare import Finding, Remedy, restart_policy_fields
from gitops_orch.planner.draft import Draft, StepFields
from gitops_orch.planner.index import Index, Located
from gitops_orch.planner.networks import connection
from gitops_orch.planner.order import in_dependency_order
from gitops_orch.planner.prepare import prepare_hosts, pull_images
from gitops_orch.planner.reload import changed_sets, must_be_told, record_sets, signal_reason
from gitops_orch.planner.removal import owned, remove_container, remove_networks, retire, stop_container
from gitops_orch.planner.rollout import batches, choose_order, is_anonymous
from gitops_orch.planner.slots import FAILED_SUFFIX, AppSlots, Slot, is_parked, namespace_parents
from gitops_orch.planner.surplus import data_holders, going_surplus, grace_s, take_away
from gitops_orch.planner.world import Chosen, World

NO_RESTART = "no"


class AppPlanner:
    """Adds one app's steps to a draft; `plan` reads as their order."""

    def __init__(self, chosen: Chosen, slots: AppSlots, world: World, index: Index, draft: Draft) -> None:
        self.chosen = chosen
        self.app = chosen.app
        self.first = len(draft.actions)
        self.slots = slots
        self.world = world
        self.index = index
        self.draft = draft
        self.pulls = pull_images(self.app, slots, draft)
        self.prepared = prepare_hosts(self.app, slots, index, draft, self.pulls)
        self.created: dict[tuple[str, str], list[str]] = defaultdict(list)  # (service, host) -> creates
        self.mended: dict[str, list[str]] = defaultdict(list)  # id of a container that stays -> what mends it
        self.started: dict[str, list[str]] = defaultdict(list)  # service -> starts
        self.proved: dict[str, list[str]] = defaultdict(list)  # service -> waits
        self.retired: dict[str, list[str]] = defaultdict(list)  # service -> removals of what it replaces
        self.parked: list[str] = []  # what stops the failed ones: nothing starts on their data before
        self.going = going_surplus(chosen, slots, world, draft)
        self.cleared: dict[str, str] = {}  # id of a container that goes -> its stop, where others wait for it
        self.names: dict[tuple[str, str], str] = {}  # (service, host) -> the container that others can join

    def plan(self) -> None:
        """Add all steps of the app."""
        self.park()
        by_service: dict[str, list[Slot]] = defaultdict(list)
        for slot in self.slots.slots:
            by_service[slot.service.name].append(slot)
        for service in in_dependency_order(self.app.services):
            self._service(service, by_service[service.name])
        self._surplus()
        remove_networks(self.draft, self.index, self.app.key, self._wanted_networks(), self.first)

    def park(self) -> None:
        """Add the steps that stop what failed for good, and nothing else."""
        first = len(self.draft.actions)
        for found in (*self.slots.parked, *(each for slot in self.slots.slots for each in slot.parked)):
            self._park(found)
        self.parked = [action.id for action in self.draft.actions[first:]]

    def _add(self, kind: Kind, at: Slot, target: str, reason: str, **fields: Unpack[StepFields]) -> str:
        fields["after"] = tuple(dict.fromkeys(fields.get("after", ())))
        return self.draft.add(
            kind,
            at.host,
            target,
            reason,
            **fields,
            name=at.current.container.name if at.current else at.name,
            app=self.app.key,
            service=at.service.name,
            slot=at.assignment.slot,
            release=self.app.digest,
            grace_s=at.service.stop_grace_s,
        )

    # -- what failed is kept for a look at it

    def _park(self, found: Located) -> None:
        """Stop it for good, under a name that says so; with its restart policy it would come back with its daemon."""
        container, host = found.container, found.host
        release = container.owner.release if container.owner else ""
        reason = f"its release failed ({self.world.failed.get(self.app.key, {}).get(release, '')})"
        after: tuple[str, ...] = ()
        if container.details is not None and container.details.restart_policy != NO_RESTART:
            fields = {"RestartPolicy": restart_policy_fields(NO_RESTART)}
            after = (self.draft.add(Kind.UPDATE, host, container.id, reason, **owned(found), update=fields),)
        stopped = stop_container(self.draft, found, reason, after, grace_s(self.app, found))
        if not container.name.endswith(FAILED_SUFFIX):
            name = self._failed_name(found)
            after = after if stopped is None else (stopped,)
            renamed = self.draft.add(
                Kind.RENAME, host, container.id, reason, **owned(found), after=after, new_name=name
            )
            self.draft.frees_name(host, container.name, renamed)
            self.draft.takes_name(host, name, renamed)

    def _failed_name(self, found: Located) -> str:
        """The name under which a failed container is kept; one that failed before under the same name makes way."""
        name = found.container.name + FAILED_SUFFIX
        holder = self.index.hosts[found.host].names.get(name)
        if holder is None:
            return name
        if holder.owner is not None and is_parked(holder):
            remove_container(self.draft, Located(found.host, holder), "a later one failed in its place", ())
            return name
        return f"{found.container.name}-{found.container.id[:7]}{FAILED_SUFFIX}"

    # -- services, in the order of their dependencies

    def _service(self, service: Service, slots: list[Slot]) -> None:
        for slot in slots:
            self.names[(service.name, slot.host)] = slot.current.container.id if slot.current else slot.name
        fresh = [slot for slot in slots if not slot.olds and (slot.made or slot.findings or slot.unproved)]
        replaced = [slot for slot in slots if slot.olds]
        for slot in fresh:
            self._bring_up(slot, ())
        before: tuple[str, ...] = ()
        for batch in batches(replaced, service.update.parallelism):
            proved = [self._bring_up(slot, before) for slot in batch]
            before = tuple(identity for identity in proved if identity)
        self._reload(service, slots)
        self._restart_dependents(service, slots)

    def _reload(self, service: Service, slots: list[Slot]) -> None:
        """Tell the containers that stay of what is changed under them, and have each prove that it took it well."""
        if not service.reload:
            return
        told = {slot.host: list(self.prepared[slot.host]) for slot in slots}
        for slot in slots:
            changed = changed_sets(self.app, slot, self.index.hosts[slot.host])
            if changed and slot.current is not None and must_be_told(slot):
                target, reason = slot.current.container.id, signal_reason(slot, changed)
                after = (*self.prepared[slot.host], *self.mended[target])
                sent = self._add(Kind.EXEC, slot, target, reason, after=after, signal=service.reload)
                told[slot.host].append(sent)
                self.proved[service.name].append(self._wait(slot, target, (sent,)))
        record_sets(self.app, slots, self.index.hosts, self.draft, told)

    def _bring_up(self, slot: Slot, before: tuple[str, ...]) -> str | None:
        """Make the slot well; return the id of the step that proves it, None where nothing has to be started."""
        made = self._create(slot) if slot.made else self._mend(slot)
        if slot.current is not None:
            self.mended[slot.current.container.id] = made
        must_start = slot.made or any(finding.remedy is Remedy.START for finding in slot.findings)
        if not (must_start or slot.olds or slot.unproved):
            return None
        order, why = choose_order(slot)
        target = slot.current.container.id if slot.current else slot.name
        ready = [*self.parked, *self.prepared[slot.host], *self._dependencies(slot.service), *before, *made]
        stops = self._stop_first(slot, order, ready, why) if must_start else []
        proved = (
            self._start(slot, target, [*ready, *stops, *self._clear_the_way(slot, ready)])
            if must_start
            else self._wait(slot, target, ready)
        )
        self.proved[slot.service.name].append(proved)
        self.draft.proves(self.app.key, proved)
        for old in slot.olds:
            if not (slot.made and _is_going(old)):
                self._retire_old(slot, old, order, proved)
        return proved

    def _create(self, slot: Slot) -> list[str]:
        for old in filter(_is_going, slot.olds):
            # It keeps its name until it is gone, and takes no other: wait for that, and remember nothing of it.
            remove_container(self.draft, old, "another hand removes it", ())
        holder = self.index.hosts[slot.host].names.get(slot.name)
        if holder is not None:
            self._make_way(slot, holder.id)
        parents = sorted(namespace_parents(slot.service))
        after = [*self.pulls, *self.prepared[slot.host]]
        for parent in parents:
            after += self.created[(parent, slot.host)]
        intent = self._intent(slot, parents)
        created = self._add(
            Kind.CREATE,
            slot,
            slot.name,
            slot.reason,
            after=tuple(after),
            changes=slot.changes,
            container=intent,
        )
        self.created[(slot.service.name, slot.host)].append(created)
        self.draft.takes_name(slot.host, slot.name, created)
        return [created]

    def _intent(self, slot: Slot, parents: list[str]) -> ContainerIntent:
        heirs = [
            old
            for old in slot.olds
            if old.host == slot.host and not _is_going(old) and any(map(is_anonymous, old.container.volumes))
        ]
        return ContainerIntent(
            app=self.app,
            service=slot.service,
            slot=slot.assignment.slot,
            name=slot.name,
            commit=self.chosen.commit,
            spec_hash=self.world.spec(self.app, slot.service.name).hash,
            salt=self.world.salt,
            image=slot.image,
            image_digest=slot.image_id,
            inherit_volumes_from=heirs[0].container.id if heirs else None,
            peers={
                name: self.names[(name, slot.host)] for name in parents if (name, slot.host) in self.names
            },
        )

    def _make_way(self, slot: Slot, holder: str) -> None:
        """An old container of our own has the name: it gives it up first, and is known by its labels still."""
        for old in slot.olds:
            if old.container.id == holder and old.host == slot.host and not _is_going(old):
                name = f"{slot.name}-old-{holder[:7]}"
                reason = "its successor needs the name"
                renamed = self.draft.add(
                    Kind.RENAME, slot.host, holder, reason, **owned(old), after=self.pulls, new_name=name
                )
                self.draft.frees_name(slot.host, slot.name, renamed)

    def _mend(self, slot: Slot) -> list[str]:
        """Put right in place what can be; return the ids, each waiting for the one before it."""
        done: list[str] = []
        for finding in slot.findings:
            if finding.remedy is not Remedy.START and slot.current is not None:
                done = [self._mend_one(slot, slot.current.container.id, finding, done)]
        return done

    def _mend_one(self, slot: Slot, current: str, finding: Finding, after: list[str]) -> str:
        fields = StepFields(after=tuple(after), changes=finding.changes)
        if finding.remedy is Remedy.UPDATE:
            fields["update"] = dict(finding.update)
        elif finding.remedy is Remedy.CONNECT:
            network = next(each for each in self.app.networks if each.name == finding.argument)
            fields |= connection(slot.service, network)
            fields["after"] = (*after, *self.prepared[slot.host])
        elif finding.remedy is Remedy.DISCONNECT:
            fields["network"] = Network(key=finding.argument, name=finding.argument, external=True)
        elif finding.remedy is Remedy.RENAME:
            fields["new_name"] = finding.argument
        mended = self._add(_KIND_OF[finding.remedy], slot, current, finding.reason, **fields)
        if finding.remedy is Remedy.RENAME:
            self.draft.takes_name(slot.host, finding.argument, mended)
        return mended

    def _dependencies(self, service: Service) -> list[str]:
        after: list[str] = []
        for dependency in service.depends_on:
            if dependency.condition is Condition.STARTED:
                after += self.started[dependency.service]
            else:
                self._await_starting(dependency.service)
                after += self.proved[dependency.service]
        for app in self.app.depends_on:
            after += self.draft.proofs(app)
        return after

    def _await_starting(self, name: str) -> None:
        """A dependency that is on its way already must arrive too, though nothing is done to it."""
        if self.proved[name]:
            return
        for slot in self.slots.slots:
            current = slot.current.container if slot.current else None
            if slot.service.name != name or current is None:
                continue
            if current.health is Health.STARTING or (slot.service.job and current.state is State.RUNNING):
                self.proved[name].append(self._wait(slot, current.id, ()))

    def _stop_first(self, slot: Slot, order: Order, ready: list[str], why: str) -> list[str]:
        if order is Order.START_FIRST:
            return []
        here = [old for old in slot.olds if old.host == slot.host]
        reason = f"{slot.name} takes over, stop-first: {why}"
        stops = [stop_container(self.draft, old, reason, ready, slot.service.stop_grace_s) for old in here]
        return [stop for stop in stops if stop is not None]

    def _clear_the_way(self, slot: Slot, ready: list[str]) -> list[str]:
        """What got another name in Git stops before its successor starts on its data."""
        holders = data_holders(self.app, slot, self.going)
        for found in (each for each in holders if each.container.id not in self.cleared):
            reason = f"{slot.name} takes over its data"
            stop = stop_container(self.draft, found, reason, ready, grace_s(self.app, found))
            self.cleared |= {} if stop is None else {found.container.id: stop}
        return [self.cleared[each.container.id] for each in holders if each.container.id in self.cleared]

    def _start(self, slot: Slot, target: str, after: list[str]) -> str:
        finding = next((each for each in slot.findings if each.remedy is Remedy.START), None)
        reason = finding.reason if finding else slot.reason
        changes = finding.changes if finding else ()
        if slot.service.job:
            gate = self._gate(slot)
            started = self._add(
                Kind.RUN_JOB, slot, target, reason, after=tuple(after), changes=changes, gate=gate
            )
            self.started[slot.service.name].append(started)
            return started
        started = self._add(Kind.START, slot, target, reason, after=tuple(after), changes=changes)
        self.draft.takes_ports(slot.host, slot.service, started)
        self.started[slot.service.name].append(started)
        return self._wait(slot, target, (started,))

    def _wait(self, slot: Slot, target: str, after: Iterable[str]) -> str:
        update = slot.service.update
        what = "must end with exit code 0" if slot.service.job else f"must be well for {update.monitor_s:g} s"
        return self._add(Kind.WAIT_HEALTHY, slot, target, what, after=tuple(after), gate=self._gate(slot))

    def _gate(self, slot: Slot) -> Gate:
        """The delay between batches is waited out at the end of each gate: the next batch stands on it."""
        update = slot.service.update
        delay_s = update.delay_s if slot.olds else 0.0
        return Gate(
            monitor_s=update.monitor_s + delay_s,
            deadline_s=self.app.rollout.healthy_deadline_s + delay_s,
            completes=slot.service.job,
            readiness=slot.service.readiness,
        )

    def _retire_old(self, slot: Slot, old: Located, order: Order, proved: str) -> None:
        name = slot.current.container.name if slot.current else slot.name
        reason = f"{name} on {slot.host} replaces it"
        if order is Order.STOP_FIRST and old.host == slot.host:
            removed = remove_container(self.draft, old, reason, (proved,))
        else:
            removed = retire(self.draft, old, reason, (proved,), slot.service.stop_grace_s)
        self.retired[slot.service.name].append(removed)

    def _restart_dependents(self, service: Service, slots: list[Slot]) -> None:
        """`depends_on.<service>.restart`: what depends on a replaced service is restarted after it.

        What is replaced goes after the restart: should we die in between, it is there to tell the next plan.
        """
        parents = {d.service for d in service.depends_on if d.restart and self._is_replaced(d.service)}
        for slot in slots:
            if (
                parents
                and slot.current is not None
                and not slot.findings
                and not slot.olds
                and not service.job
            ):
                after = [identity for parent in sorted(parents) for identity in self.proved[parent]]
                reason = f"{', '.join(sorted(parents))} was replaced, and depends_on asks for a restart"
                restarted = self._add(
                    Kind.RESTART, slot, slot.current.container.id, reason, after=tuple(after)
                )
                for removal in (each for parent in sorted(parents) for each in self.retired[parent]):
                    self.draft.waits(removal, restarted)

    def _is_replaced(self, service: str) -> bool:
        return self.created_any(service) or bool(self.retired[service])

    def created_any(self, service: str) -> bool:
        """Tell whether any container of a service is made in this plan."""
        return any(ids and name == service for (name, _), ids in self.created.items())

    # -- what no slot asks for

    def _surplus(self) -> None:
        proved = [identity for ids in self.proved.values() for identity in ids]
        for found in (each for slot in self.slots.slots for each in slot.dropped):
            remove_container(
                self.draft, found, "it failed, and its release is no longer held back", self.pulls
            )
        take_away(self.app, self.going, self.draft, stopped=self.cleared, pulls=self.pulls, proved=proved)

    def _wanted_networks(self) -> dict[str, set[str]]:
        names = {network.key: network.name for network in self.app.networks}
        wanted: dict[str, set[str]] = defaultdict(set)
        for slot in (*self.slots.slots, *self.slots.withheld):
            wanted[slot.host].update(names.get(key, key) for key in slot.service.networks)
        return wanted


_KIND_OF = {
    Remedy.RENAME: Kind.RENAME,
    Remedy.UPDATE: Kind.UPDATE,
    Remedy.CONNECT: Kind.CONNECT_NETWORK,
    Remedy.DISCONNECT: Kind.DISCONNECT_NETWORK,
    Remedy.UNPAUSE: Kind.UNPAUSE,
    Remedy.RESTART: Kind.RESTART,
}


def _is_going(found: Located) -> bool:
    return found.container.state is State.REMOVING
