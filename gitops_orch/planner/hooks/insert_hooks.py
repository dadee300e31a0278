"""Inserts the hook commands of a file around the starts and stops of a plan.

`post_start` is after each start of ours and before the gate, `pre_stop` before each stop of ours. No matter which part
of the planner adds a start or a stop, its hooks are added here, so that none can be forgotten.

Note [Whose hooks]
A container whose spec matches Git has the hooks that Git declares now: a change of hooks replaces no container.
Any other container has the hooks that it was created with, from its label: they suit its image, and its service may
have left Git.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gitops_orch.model.app import Service
from gitops_orch.model.job import Hook, Hooks, read_hooks_text
from gitops_orch.model.observed import ObservedContainer, OwnedContainer, State
from gitops_orch.model.plan.action import Action, hook_of
from gitops_orch.model.plan.kinds import KINDS, Create, Exec, Kind, Restart, Signal, Start, WaitHealthy
from gitops_orch.model.plan.values import Gate
from gitops_orch.model.rules.labels import HOOKS_LABEL
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import ReleaseInputs, Role, TargetRelease, World
from gitops_orch.planner.plan_builder import PlanBuilder

DEFAULT_DEADLINE_S = 300.0  # of a hook whose app has left Git
COMMAND_CHARS_MAX = 60  # of a command that is shown in a reason


def insert_hooks(draft: PlanBuilder, world: World, index: Index) -> None:
    """Insert the hooks of all starts and stops of a draft."""
    if _has_hooks(world.releases, index):
        draft.actions = _HookInserter(draft.actions, ActionContext(draft.actions, world, index)).with_hooks()


def _has_hooks(releases: ReleaseInputs, index: Index) -> bool:
    """Return whether there are any hooks. Most fleets have none, and their steps need no search."""
    services = (service for chosen in releases.targets for service in chosen.app.services)
    if any(service.post_start or service.pre_stop for service in services):
        return True
    return any(HOOKS_LABEL in each.labels for found in index.apps.values() for each in found)


def command_reason(kind: str, hook: Hook) -> str:
    """Return the reason of a hook's step: the kind of hook and its command, shortened."""
    text = str(hook) or hook.image
    shown = text if len(text) <= COMMAND_CHARS_MAX else text[: COMMAND_CHARS_MAX - 1] + "…"
    return f"{kind}: {shown}"


class ActionContext:
    """Finds the container and the service of a step: existing containers, and services of containers to be created."""

    def __init__(self, actions: list[Action], world: World, index: Index) -> None:
        self.world = world
        self._index = index
        self._chosen = {each.app.key: each for each in world.releases.targets}
        self._created = {
            (action.host, action.target): action.payload.container.service
            for action in actions
            if isinstance(action.payload, Create)
        }
        self._gates = {
            (action.host, action.target): action.payload.gate
            for action in actions
            if isinstance(action.payload, WaitHealthy)
        }
        self._by_id: dict[str, dict[str, ObservedContainer]] = {}

    def chosen(self, action: Action) -> TargetRelease | None:
        """Return the target release of a step's app; None if the app has left Git."""
        return None if action.app is None else self._chosen.get(action.app)

    def container(self, action: Action) -> ObservedContainer | None:
        """Return the container of a step; None if it does not exist yet."""
        if action.host not in self._by_id:
            host = self._index.hosts.get(action.host)
            there = () if host is None else host.containers
            self._by_id[action.host] = {each.id: each for each in there}
        return self._by_id[action.host].get(action.target)

    def service(self, action: Action) -> Service | None:
        """Return the service of a step's container, as Git declares it; None if the container has another spec."""
        created = self._created.get((action.host, action.target))
        if created is not None:
            return created
        chosen, container = self.chosen(action), self.container(action)
        if chosen is None or not isinstance(container, OwnedContainer):
            return None
        owner = container.owner
        for service in chosen.app.services:
            if service.name == owner.service:
                spec = self.world.specs.of(chosen.app, service.name)
                return service if owner.spec_hash in {spec.hash, *spec.older.values()} else None
        return None

    def hooks(self, action: Action) -> Hooks:
        """Return the hooks of a step's container (Note [Whose hooks])."""
        service = self.service(action)
        if service is not None:
            return Hooks(post_start=service.post_start, pre_stop=service.pre_stop)
        container = self.container(action)
        return Hooks() if container is None else read_hooks_text(container.labels.get(HOOKS_LABEL, ""))

    def gate(self, action: Action) -> Gate:
        """Return the gate of a hook command: its deadline, and the restarts that the start's gate allows."""
        chosen = self.chosen(action)
        deadline_s = DEFAULT_DEADLINE_S if chosen is None else chosen.app.rollout.step_deadline_s
        own = Gate(monitor_s=0.0, deadline_s=deadline_s)
        gate_of_start = self._gates.get((action.host, action.target), own)
        return replace(
            own,
            restarts_max=gate_of_start.restarts_max,
            is_new=gate_of_start.is_new,
            counts_after=gate_of_start.counts_after,
        )


@dataclass(frozen=True, slots=True)
class _Chain:
    """Commands that run one after the other."""

    kind: str
    hooks: tuple[Hook, ...] = ()

    def actions(self, beside: Action, after: tuple[str, ...], context: ActionContext) -> Iterator[Action]:
        """Yield the steps; only the first one waits for the earlier steps of the plan."""
        for number, hook in enumerate(self.hooks, 1):
            created = replace(
                beside,
                id=f"exec/{beside.host}/{beside.target}/{self.kind}/{number}",
                payload=Exec(hook, context.gate(beside)),
                reason=command_reason(self.kind, hook),
                after=after,
                changes=(),
                optional=self.kind == "pre_stop",
            )
            yield created
            after = (created.id,)


class _HookInserter:
    def __init__(self, actions: list[Action], context: ActionContext) -> None:
        self._actions = actions
        self._context = context
        # A gate of these is after a start or a signal, so it is not a gate that an earlier run left open.
        self._started = {
            (a.host, a.target) for a in actions if isinstance(a.payload, Start | Restart | Signal)
        }

    def with_hooks(self) -> list[Action]:
        inserted: list[Action] = []
        last_of: dict[str, str] = {}  # id of a start -> the last command after it
        for action in self._actions:
            before = list(self._before(action).actions(action, action.after, self._context))
            after = list(self._after(action).actions(action, (action.id,), self._context))
            inserted += [*before, replace(action, after=(before[-1].id,)) if before else action, *after]
            if after:
                last_of[action.id] = after[-1].id
        return [_after_commands(action, last_of) for action in inserted] if last_of else inserted

    def _before(self, action: Action) -> _Chain:
        if KINDS[action.kind].stops and self._runs(action):
            return _Chain("pre_stop", self._context.hooks(action).pre_stop)
        if action.kind is Kind.WAIT_HEALTHY and self._lacks_post_start(action):
            return _Chain("post_start", self._context.hooks(action).post_start)
        return _Chain("pre_stop")

    def _after(self, action: Action) -> _Chain:
        starts = isinstance(action.payload, Start | Restart)
        hooks = self._context.hooks(action).post_start if starts else ()
        return _Chain("post_start", hooks)

    def _runs(self, action: Action) -> bool:
        container = self._context.container(action)
        return container is not None and container.state is State.RUNNING

    def _lacks_post_start(self, action: Action) -> bool:
        """Return whether a continued gate needs its `post_start` again, because it is unknown whether it was run."""
        chosen, container = self._context.chosen(action), self._context.container(action)
        if chosen is None or chosen.role is not Role.HEAD or not isinstance(container, OwnedContainer):
            return False
        world = self._context.world
        return (
            (action.host, action.target) not in self._started
            and chosen.app.key in world.releases.ungated
            and container.owner.release == chosen.app.digest
            and (action.host, action.name) not in world.memory.post_start_done
        )


def _after_commands(action: Action, last_of: dict[str, str]) -> Action:
    """Return a step that waits for the commands after a start, too, if it waits for the start."""
    if hook_of(action) is not None or not any(before in last_of for before in action.after):
        return action
    return replace(action, after=tuple(last_of.get(before, before) for before in action.after))
