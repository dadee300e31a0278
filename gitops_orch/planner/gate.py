"""The health gate: whether a new container has proved itself, from what was seen of it, and nothing else.

It must be running, healthy where it has a healthcheck, and ready where it has a probe, without a break for `monitor`; a
job must exit 0.  A crash is found by the restart count, not by luck: a container in a crash loop looks "running" half of
the time.  One failed probe of a container that was ready is no break, so many in a row as the file says are.
"""

from dataclasses import dataclass, replace
from enum import Enum

from gitops_orch.model.observed import Health, ObservedContainer, ProbeResult, State
from gitops_orch.model.plan import Gate


class Judgement(Enum):
    """What the gate says."""

    PASSED = "passed"
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is remembered between two looks; all times are seconds on the watcher's monotonic clock."""

    since_s: float  # when the wait began
    well_since_s: float | None = None  # None: it is not well now
    restart_count: int | None = None  # at the first look; None: not looked at yet
    probed_at_s: float | None = None  # None: never
    ready: bool = False  # by its probe
    refusal_count: int = 0  # probes that failed, in a row
    refusal: str = ""  # what the last one that failed said


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement, its reason, and what to remember for the next look."""

    judgement: Judgement
    watch: Watch
    reason: str = ""


def judge(
    gate: Gate, watch: Watch, seen: ObservedContainer, now_s: float, probed: ProbeResult | None = None
) -> Verdict:
    """Judge one look at a container; `probed` where it was probed too.

    One that does well when its deadline ends is given the rest of `monitor`: who looks late must not blame it for that.
    """
    restarts = seen.details.restart_count if seen.details else 0
    first = restarts if watch.restart_count is None else watch.restart_count
    failure = _failure(gate, seen, restarts - first)
    if failure:
        return Verdict(judgement=Judgement.FAILED, watch=watch, reason=failure)
    if gate.completes and seen.state is State.EXITED:
        return Verdict(judgement=Judgement.PASSED, watch=watch)
    watch = _after_probe(gate, watch, probed, now_s)
    well = not gate.completes and _is_well(seen) and (gate.readiness is None or watch.ready)
    well_since = (watch.well_since_s if watch.well_since_s is not None else now_s) if well else None
    after = replace(watch, well_since_s=well_since, restart_count=first)
    if well_since is not None and now_s - well_since >= gate.monitor_s and not watch.refusal_count:
        return Verdict(judgement=Judgement.PASSED, watch=after)
    if now_s - watch.since_s >= gate.deadline_s and not well:
        reason = f"it was not well within {gate.deadline_s:g} s ({_describe(seen, after)})"
        return Verdict(judgement=Judgement.FAILED, watch=after, reason=reason)
    return Verdict(judgement=Judgement.WAITING, watch=after, reason=_describe(seen, after))


def is_probe_due(gate: Gate, watch: Watch, seen: ObservedContainer, now_s: float) -> bool:
    """Tell whether a look should ask the container itself: only one that does well otherwise, every `interval`."""
    if gate.readiness is None or not _is_well(seen):
        return False
    return watch.probed_at_s is None or now_s - watch.probed_at_s >= gate.readiness.interval_s


def _after_probe(gate: Gate, watch: Watch, probed: ProbeResult | None, now_s: float) -> Watch:
    if probed is None or gate.readiness is None:
        return watch
    if probed.ready:
        return replace(watch, probed_at_s=now_s, ready=True, refusal_count=0, refusal="")
    count = watch.refusal_count + 1
    ready = watch.ready and count < gate.readiness.retries
    return replace(watch, probed_at_s=now_s, ready=ready, refusal_count=count, refusal=probed.detail)


def _failure(gate: Gate, seen: ObservedContainer, restarts: int) -> str:
    """What is certain to be bad, first match wins."""
    code = seen.details.exit_code if seen.details else 0
    if seen.details is not None and seen.details.oom_killed:
        return "it was killed for want of memory"
    if seen.state is State.EXITED and not (gate.completes and code == 0):
        return f"it exited with code {code}"
    if seen.state in {State.DEAD, State.REMOVING}:
        return f"it is {seen.state.value}"
    if not gate.completes and (restarts > 0 or seen.state is State.RESTARTING):
        last = f", the last time with exit code {code}" if code else ""
        return f"it keeps crashing: restarted {max(1, restarts)} times{last}"
    if seen.health is Health.UNHEALTHY:
        return "its healthcheck says unhealthy"
    return ""


def _is_well(seen: ObservedContainer) -> bool:
    return seen.state is State.RUNNING and seen.health in {Health.NONE, Health.HEALTHY}


def is_doubtful(seen: ObservedContainer) -> bool:
    """Tell whether a container of a failed release is one of those that failed: not plainly running and well."""
    crashed = seen.details is not None and seen.details.restart_count > 0
    return crashed or not _is_well(seen)


def _describe(seen: ObservedContainer, watch: Watch) -> str:
    health = "" if seen.health is Health.NONE else f", {seen.health.value}"
    refusal = f", not ready: {watch.refusal}" if watch.refusal else ""
    return f"{seen.state.value}{health}{refusal}"
