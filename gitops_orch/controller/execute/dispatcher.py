"""Starts actions on the workers of their hosts, and polls of gates between them."""

from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.controller.execute.deferred_stops import DeferredStops
from gitops_orch.controller.execute.gates import GateProgresses, Gates
from gitops_orch.controller.execute.host_queues import HostQueues, lane, pull_key, pull_lane
from gitops_orch.controller.execute.performer import Performer
from gitops_orch.controller.execute.run_results import RunResults
from gitops_orch.controller.workers import Batch, Finished, Workers
from gitops_orch.engine.base import Engine
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import KINDS, Create, Kind, Restart, RunJob, Signal, Start, WaitHealthy
from gitops_orch.model.plan.values import Gate

# The maximum time between two calls of `should_stop`, in seconds; these calls also show that the run makes progress.
IDLE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a plan is executed with.

    `engines` returns the connections that are open now. `gate_progress` keeps what gates have observed, so that the
    next run can continue them.
    """

    engines: Callable[[], Mapping[str, Engine]]
    workers: Workers
    clock: Clock
    gate_progress: GateProgresses


class Dispatcher:
    """Knows what runs at the moment: actions that are queued or performed, pulls, gates and deferred stops."""

    def __init__(self, services: Services, results: RunResults) -> None:
        self.gates = Gates(services.clock, services.gate_progress)
        self._services = services
        self._batch: Batch = services.workers.open()
        self._results = results
        self._engines: Mapping[str, Engine] = {}
        self._performer = Performer()
        self._queues = HostQueues()
        self._deferred_stops = DeferredStops()
        self._urgent: set[str] = set()  # actions of new plans
        self._pulls: set[str] = set()  # pulls that run; they continue when the run ends early
        self._starting: Counter[str] = Counter()  # starts that run, by host

    def add(self, actions: Sequence[Action], *, urgent: bool) -> None:
        """Prepare for the actions of a plan, on the connections that are open now. Urgent actions overtake others."""
        if urgent:
            self._urgent.update(action.id for action in actions)
        self._engines = self._services.engines()
        self._deferred_stops.add(actions)

    def is_busy(self) -> bool:
        """Tell whether anything but gates and pulls is queued, deferred or runs."""
        return bool(self._queues or self._deferred_stops)

    def waits(self) -> bool:
        """Tell whether a gate or a pull is awaited."""
        return bool(self.gates or self._pulls)

    def is_quiet(self, app: AppKey | None) -> bool:
        """Tell whether no action of an app is queued or runs, and no gate of it is polled now."""
        return self._queues.is_quiet(app) and all(action.app != app for action in self.gates.polls())

    def fail(self, app: AppKey | None) -> None:
        """Start nothing more of an app, and abandon its gates."""
        self._queues.drop({app})
        self.gates.leave({app})

    def abandon(self, apps: Container[AppKey | None], actions: Iterable[Action]) -> None:
        """Abandon gates, deferred stops and pulls of some apps; `actions` are those of these apps without a result."""
        self.gates.leave(apps)
        self._deferred_stops.drop(apps)
        self._pulls.difference_update(action.id for action in actions)

    def wind_down(self) -> None:
        """Abandon all gates, pulls and deferred stops."""
        self.gates.leave()
        self._pulls.clear()
        self._deferred_stops.drop()

    def keep_only(self, kept: Collection[str]) -> None:
        """Drop all queued actions except those with these ids."""
        self._queues.keep_only(kept)

    def begin(self, ready: Iterable[Action], failed_apps: Container[AppKey | None]) -> None:
        """Start ready and queued actions and due gate polls, and deferred stops on hosts without a start or a poll.

        No deferred stop of an app in `failed_apps` is started.
        """
        for action in ready:
            if not self._deferred_stops.defer(action):
                self.begin_one(action)
        self._begin_due()
        for wait, poll in self.gates.due(self._engines):
            self._batch.submit(wait.action.host, (wait,), poll)
        if self._deferred_stops:
            looking = {action.host for action in self.gates.polls()}
            starting = {host for host, count in self._starting.items() if count}
            for action in self._deferred_stops.due(looking | starting):
                if action.app not in failed_apps:
                    self.begin_one(action)
            self._begin_due()

    def begin_one(self, action: Action) -> None:
        """Start an action at once if it takes no worker from others; put the other actions in their queue."""
        urgent = action.id in self._urgent
        if isinstance(action.payload, WaitHealthy):
            self._results.begin(action)
            self.open_gate(action, action.payload.gate)
        elif action.kind is Kind.PULL:
            # One request to a registry serves all apps of a host, and also joins a pull that the last run left running.
            self._results.begin(action)
            self._pulls.add(action.id)
            self._batch.share(
                pull_lane(action, urgent=urgent), action.id, self._work(action), pull_key(action)
            )
        else:
            self._queues.add(action, urgent=urgent)

    def _begin_due(self) -> None:
        for action in self._queues.due():
            self._results.begin(action)
            self._starting[action.host] += KINDS[action.kind].starts
            self._batch.submit(lane(action), action.id, self._work(action))

    def _work(self, action: Action) -> Callable[[], object]:
        if isinstance(action.payload, Create | Start | RunJob | Restart | Signal):
            self.gates.forget(action)
        return partial(self._performer.perform, self._engines[action.host], action)

    def submit(self, worker: str, work: Callable[[], object]) -> None:
        """Start work that is no action on a worker of its own, whose name is the token of its end."""
        self._batch.submit(worker, worker, work)

    def until_poll_s(self) -> float:
        """Return for how many seconds no poll of a gate is due, at most IDLE_S if no poll is planned."""
        now_s, next_poll_s = self._services.clock.monotonic_s(), self.gates.next_poll_s()
        return IDLE_S if next_poll_s is None else max(0.0, next_poll_s - now_s)

    def next(self, timeout_s: float) -> Finished | None:
        """Wait for one piece of work to end; None if none ends in time."""
        return self._batch.next(timeout_s)

    def end(self, action: Action) -> bool:
        """Note that an action was performed, with any outcome; tell whether the run still waits for it."""
        if action.kind is not Kind.PULL:
            self._queues.end(action)
        elif action.id not in self._pulls:
            return False
        self._pulls.discard(action.id)
        self._starting[action.host] -= KINDS[action.kind].starts
        return True

    def open_gate(self, action: Action, gate: Gate) -> None:
        """Wait until an action's container passes a gate."""
        self.gates.open(action, gate, self._performer.container_of(action))
