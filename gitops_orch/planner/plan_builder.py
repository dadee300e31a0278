"""Collects the actions of a plan, gives each an id, and lets it wait for what frees the resources that it needs."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from gitops_orch.model.app import AppKey
from gitops_orch.model.host_files import FilesQuery
from gitops_orch.model.observed import HeldPort
from gitops_orch.model.plan.action import Action, Change, FailureBudget
from gitops_orch.model.plan.kinds import KINDS, CreateNetwork, Payload, Rename, Stop
from gitops_orch.model.plan.plan import PlanHold
from gitops_orch.planner.action_cycles import without_cycles
from gitops_orch.planner.resource_ledger import NetworkCreation, ResourceLedger


class StepFields(TypedDict, total=False):
    """The optional fields of an action on a slot, beside those that the slot supplies; named as in `Action`."""

    changes: tuple[Change, ...]
    after: tuple[str, ...]
    follows: tuple[str, ...]
    budget: FailureBudget | None
    optional: bool


class ActionFields(StepFields, total=False):
    """The optional fields of any action. The names are those of `Action`."""

    name: str
    app: AppKey | None
    service: str | None
    slot: int | None
    release: str


class HoldKind(TypedDict, total=False):
    """The kind of a hold. The names are those of `PlanHold`."""

    error: bool
    stopped: bool
    heals: bool
    kept: bool


class PlanBuilder:
    """Collects actions and holds; `finish` returns the actions in an order in which they can be executed."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.holds: list[PlanHold] = []
        self.unknown: list[AppKey] = []
        self.unread: set[tuple[str, FilesQuery]] = set()  # binds whose files have not been read yet
        self.planned: set[AppKey] = set()  # apps whose steps are planned, even if there are none to add
        # by app and host: the networks that stay. Other networks of these apps may be removed.
        self.networks_wanted: dict[AppKey, Mapping[str, Collection[str]]] = {}
        # pulls of images that the host already has: left out if no action waits for them
        self.refreshes: set[str] = set()
        self._gates: dict[AppKey, list[str]] = defaultdict(list)
        self._ids: dict[str, int] = {}  # how many actions have the same kind, host and target
        self._waits: list[tuple[str, str]] = []
        self._places: dict[AppKey | None, list[int]] = defaultdict(list)  # indexes into `actions`, by app
        self.ledger = ResourceLedger()

    def add(
        self, payload: Payload, host: str, target: str, reason: str, **fields: Unpack[ActionFields]
    ) -> str:
        """Add an action and return its id.

        The id is derived from what the action does, so the same plan has the same ids.
        """
        identity = self._identify(payload, host, target)
        if isinstance(payload, CreateNetwork):
            creation = NetworkCreation(identity, fields.get("app"), payload.network)
            self.ledger.creates_network(host, target, creation)
        self._places[fields.get("app")].append(len(self.actions))
        self.actions.append(
            Action(id=identity, payload=payload, host=host, target=target, reason=reason, **fields)
        )
        return identity

    def _identify(self, payload: Payload, host: str, target: str) -> str:
        base = f"{payload.kind}/{host}/{payload.new_name if isinstance(payload, Rename) else target}"
        count = self._ids[base] = self._ids.get(base, 0) + 1
        return base if count == 1 else f"{base}#{count}"

    def hold(self, subject: str, reason: str, app: AppKey | None = None, **kind: Unpack[HoldKind]) -> None:
        """Note that a subject is left alone, and why.

        A hold with `error` is one that no user asked for (see `PlanHold`).
        """
        self.holds.append(PlanHold(subject=subject, reason=reason, app=app, **kind))

    def add_gate(self, app: AppKey, action: str) -> None:
        """Note a step that shows that an app is healthy."""
        self._gates[app].append(action)

    def gates(self, app: AppKey) -> list[str]:
        """Return the steps that show that an app is healthy; empty if the plan does nothing to the app."""
        return self._gates.get(app, [])

    def waits(self, action: str, other: str) -> None:
        """Note that an action waits for another one that was added later."""
        self._waits.append((action, other))

    def settle_stops(self) -> None:
        """Let stops wait that no start of this plan needs, now that all its starts are known.

        The `pre_stop` commands are inserted later, and wait for the same actions.
        """
        waits = self.ledger.waits_of_unneeded_stops()
        if waits:
            self.actions = [
                _with_after(action, waits[action.id]) if action.id in waits else action
                for action in self.actions
            ]

    def actions_of(self, app: AppKey) -> list[Action]:
        """Return the actions that were added for an app so far. To be used only before other actions are inserted."""
        return [self.actions[place] for place in self._places.get(app, ())]

    def check_ports(self, stop: str, ports: tuple[HeldPort, ...], image: str, release: str) -> None:
        """Let the Engine be asked whether ports are free before a container is stopped for a release that needs them.

        The stop was added very recently, so the search begins at the end.
        """
        place = next(place for place in reversed(range(len(self.actions))) if self.actions[place].id == stop)
        payload = self.actions[place].payload
        if isinstance(payload, Stop):
            payload = replace(payload, ports=ports, image=image)
            self.actions[place] = replace(self.actions[place], payload=payload, release=release)

    def finish(self) -> tuple[Action, ...]:
        """Return all actions, each after all actions that it waits for.

        Actions in a dependency cycle are left out, and their apps are held.
        """
        extra: dict[str, set[str]] = defaultdict(set)
        for action, other in self._waits:
            extra[action].add(other)
        names = self.ledger.freed_names()
        for action, freed in names:
            extra[action].add(freed)
        self._add_resource_waits(extra)
        actions = [
            _with_after(action, extra[action.id]) if action.id in extra else action for action in self.actions
        ]
        ordered, stuck = without_cycles(self._without_idle_refreshes(actions), names)
        for app in sorted({action.app for action in stuck if action.app is not None}):
            self.hold(
                str(app),
                "its steps wait for one another in a circle, which is a mistake of gitops-orch; make this change in two commits",
                app,
                error=True,
            )
        return _without_apps(ordered, {action.app for action in stuck}) if stuck else ordered

    def _without_idle_refreshes(self, actions: Sequence[Action]) -> list[Action]:
        """Return the actions without refresh pulls that no action waits for.

        Each run would repeat these pulls while a canary waits.
        """
        awaited = {each for action in actions for each in (*action.after, *action.follows)}
        return [action for action in actions if action.id not in self.refreshes or action.id in awaited]

    def _add_resource_waits(self, extra: dict[str, set[str]]) -> None:
        """Let an action that needs a port or an address wait for the action that frees it.

        If the two belong to different apps, the freeing action also waits until the other is prepared for its start.
        """
        by_id = {action.id: action for action in self.actions}
        for taker, freer in self.ledger.freed_ports_and_addresses():
            extra[taker].add(freer)
            if by_id[taker].app != by_id[freer].app:
                before = (by_id.get(each) for each in by_id[taker].after)
                extra[freer].update(each.id for each in before if each and KINDS[each.kind].prepares)


def _with_after(action: Action, extra: Iterable[str]) -> Action:
    more = tuple(sorted(set(extra).difference(action.after, action.follows)))
    return replace(action, after=(*action.after, *more)) if more else action


def _without_apps(actions: Iterable[Action], apps: set[AppKey | None]) -> tuple[Action, ...]:
    kept = [action for action in actions if action.app not in apps]
    known = {action.id for action in kept}
    return tuple(
        replace(
            action,
            after=tuple(each for each in action.after if each in known),
            follows=tuple(each for each in action.follows if each in known),
        )
        for action in kept
    )
