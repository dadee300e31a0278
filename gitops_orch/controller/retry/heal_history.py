"""Remembers what was healed and when. The planner sees from it where healing does not help (healing/heal_limits.py).

In the process, times are of the monotonic clock. History stores them by the wall clock, so that a new process continues
where the last one ended, and a read-only command sees what the service sees.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from gitops_orch.clock import Clock
from gitops_orch.history.history import History
from gitops_orch.model.app import AppKey
from gitops_orch.model.container import RETAINED_SUFFIXES
from gitops_orch.model.heal import NAMESPACE, STATE, HealedField, HealRecord, path_of
from gitops_orch.model.observed import Placed
from gitops_orch.model.plan.action import Action, intent_of
from gitops_orch.model.plan.kinds import KINDS, Kind
from gitops_orch.model.status import ActionResult, Outcome
from gitops_orch.planner.healing.heal_limits import COOL_DOWN_S, stopped_s, wait_s
from gitops_orch.planner.inputs.world import World

REMEMBERED_MAX = 50  # times, for each field


@dataclass(frozen=True, slots=True)
class _Heals:
    spec_hash: str
    release: str
    at_s: tuple[float, ...]


class HealHistory:
    """Remembers heals. When the spec of a service changes, its heals begin from zero."""

    def __init__(self, history: History, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        now_s, now = clock.monotonic_s(), clock.now().timestamp()
        self._heals = dict(_recalled(history.healed(), now_s, now_s - now))

    def note(self, results: Iterable[ActionResult], world: World) -> None:
        """Record the heals of a run. Several heals of one field in one run count once."""
        healed: dict[HealedField, Action] = {}
        for result in results:
            field = None if _was_retained(result.action, world) else _healed(result)
            if field is not None and (result.action.changes or _was_present(field, world)):
                healed[field] = result.action
        if not healed:
            return
        now_s = self._clock.monotonic_s()
        for field, action in healed.items():
            spec = world.specs.by_service.get((field.app, action.release, field.service))
            if spec is not None:
                self._add(field, spec.hash, action.release, now_s)
        for field in [field for field, heals in self._heals.items() if now_s - heals.at_s[-1] > COOL_DOWN_S]:
            del self._heals[field]
        self._keep()

    def _add(self, field: HealedField, spec_hash: str, release: str, now_s: float) -> None:
        before = self._heals.get(field)
        at_s = before.at_s if before is not None and before.spec_hash == spec_hash else ()
        self._heals[field] = _Heals(spec_hash, release, (*at_s, now_s)[-REMEMBERED_MAX:])

    def healings(self) -> Mapping[HealedField, HealRecord]:
        """Return the recent heals."""
        now_s = self._clock.monotonic_s()
        return {field: _seen(heals, now_s) for field, heals in tuple(self._heals.items())}

    def reset(self, app: AppKey) -> bool:
        """Forget the heals of an app, and tell whether any of its fields was suspended: it is healed again at once."""
        now_s = self._clock.monotonic_s()
        forgotten = {field: heals for field, heals in tuple(self._heals.items()) if field.app == app}
        for field in forgotten:
            self._heals.pop(field, None)
        if forgotten:
            self._keep()
        return any(
            rule(_seen(heals, now_s)) > 0 for field, heals in forgotten.items() for rule in _rules(field)
        )

    def expires_between(self, after_s: float, until_s: float) -> bool:
        """Tell whether a wait ends in this span of time: then something is healed again."""
        return any(
            rule(_seen(heals, after_s)) > 0 and not rule(_seen(heals, until_s))
            for field, heals in tuple(self._heals.items())
            for rule in _rules(field)
            if heals.at_s[-1] <= after_s
        )

    def _keep(self) -> None:
        heals_now = tuple(self._heals.items())  # an operator's `retry` may come from another thread
        wall_s = self._clock.now().timestamp() - self._clock.monotonic_s()
        rows = [
            [
                *(field.app.namespace, field.app.name, field.service, field.slot, field.host, field.path),
                *(heals.spec_hash, heals.release, [round(at_s + wall_s, 3) for at_s in heals.at_s]),
            ]
            for field, heals in sorted(heals_now)
        ]
        self._history.set_healed(json.dumps(rows))


def _rules(field: HealedField) -> tuple[Callable[[HealRecord], float], ...]:
    """Return the rules that compute for how long a field is suspended."""
    if field.path == NAMESPACE:
        return (wait_s,)
    return (stopped_s, wait_s) if field.path == STATE else (stopped_s,)


def _recalled(text: str | None, now_s: float, monotonic_s: float) -> Iterator[tuple[HealedField, _Heals]]:
    """Yield the stored heals. Rows that cannot be parsed are dropped, which allows one heal more than intended.

    Times in the future are dropped, too: they occur when the wall clock was set back, and would suspend healing until
    then.
    """
    rows: list[list[object]] = []
    with suppress(ValueError):
        rows = json.loads(text or "[]")
    for row in rows:
        with suppress(ValueError, TypeError):
            namespace, app, service, slot, host, path, spec_hash, release, at = row
            kept = [float(each) + monotonic_s for each in at] if isinstance(at, list) else []
            times = tuple(each for each in kept if each <= now_s)
            key = AppKey(namespace=str(namespace), name=str(app))
            field = HealedField(
                app=key, service=str(service), slot=int(str(slot)), host=str(host), path=str(path)
            )
            if times:
                yield field, _Heals(str(spec_hash), str(release), times)


def _seen(heals: _Heals, now_s: float) -> HealRecord:
    ages = tuple(max(0.0, now_s - at_s) for at_s in heals.at_s)
    return HealRecord(spec_hash=heals.spec_hash, release=heals.release, ages_s=ages)


def _was_present(field: HealedField, world: World) -> bool:
    """Tell whether the slot was on its host at the last observation: the first container of a slot is no heal."""
    placed = Placed(app=field.app, service=field.service, slot=field.slot)
    return placed in world.observed.last_placements.get(field.host, ())


def _was_retained(action: Action, world: World) -> bool:
    """Tell whether a retained container runs again: that repairs nothing.

    A name declared in Compose may end in a suffix, too.
    """
    if not action.name.endswith(RETAINED_SUFFIXES):
        return False
    apps = (each.app for each in world.releases.targets if each.app.key == action.app)
    return all(service.container_name != action.name for app in apps for service in app.services)


def _healed(result: ActionResult) -> HealedField | None:
    """Return the field that an action healed; None if the action is no heal, or was not done."""
    action = result.action
    if result.outcome is not Outcome.DONE or action.app is None or action.service is None:
        return None
    intent = intent_of(action)
    if intent is not None and intent.service.name != action.service:
        return None  # it only prepares the slot's container
    path = path_of(action.changes)
    if action.kind is Kind.CREATE and path == NAMESPACE:
        return None  # its namespace's container is created again: that one counts as the heal
    heals = KINDS[action.kind].heals and action.changes
    if action.slot is None or not (heals or action.kind is Kind.CREATE):
        return None
    return HealedField(
        app=action.app,
        service=action.service,
        slot=action.slot,
        host=action.host,
        path=path,
    )
