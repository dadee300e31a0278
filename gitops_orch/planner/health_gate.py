"""The health gate: decides from observations only whether a new container has passed.

The container must be running, healthy if it has a healthcheck, and ready if it has a probe, without a break for
`monitor`; a job must exit 0. Once a container was ready, a failed probe is a break only after as many failures in a row
as the file declares.

Note [A container that its restart policy restarts]
A restart policy says that the author expects exits: an app that exits until its database answers is the most common
stack. So a restart alone fails nothing; `monitor` begins again with it. A container fails if it was restarted more than
`restarts_max` times after everything that it depends on had passed its gate: from then on it has no reason left to
wait. The Engine's own restart count includes every restart, also those between two polls.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from gitops_orch.model.observed import Details, Health, ObservedContainer, ProbeResult, State
from gitops_orch.model.plan.values import Gate
from gitops_orch.model.rules.exit_codes import BAD_COMMAND_CODES
from gitops_orch.planner.inputs.container_exit import why_stopped

UNSEEN_MAX_S = 10.0  # the longest pause between two polls that counts against the deadline
_NO_DETAILS = Details()


class GateState(Enum):
    """The result of a gate's evaluation."""

    PASSED = "passed"
    FAILED = "failed"
    # or paused, by a person or a tool. It says nothing about the release: once it runs again, its gate begins again.
    STOPPED = "stopped"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateProgress:
    """The state that is kept between two polls. All times are seconds on the poller's monotonic clock."""

    since_s: float  # when the wait began
    healthy_since_s: float | None = None  # None: it is not healthy now
    polled_at_s: float | None = None  # None: never
    restart_count: int | None = None  # restarts are counted from this value; None: not polled yet
    started_at: datetime | None = None  # by the Engine's clock, at the last poll
    probed_at_s: float | None = None  # None: never
    ready: bool = False  # according to its probe
    refusal_count: int = 0  # failed probes in a row
    refusal: str = ""  # the message of the last failed probe


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The gate's state, the reason, and the progress to keep for the next poll."""

    state: GateState
    progress: GateProgress
    reason: str = ""


def evaluate_gate(
    gate: Gate,
    watch: GateProgress,
    seen: ObservedContainer,
    now_s: float,
    probed: ProbeResult | None = None,
    *,
    counting: bool = True,
) -> GateResult:
    """Evaluate one observation of a container; `probed` is the probe's result if it was probed, too.

    With `counting` False, the gate of a dependency is still in progress: restarts do not count yet. A container that is
    healthy when its deadline ends gets the rest of `monitor`, so that a late poll does not make it fail.
    """
    if watch.restart_count is None and gate.is_new:
        watch = replace(watch, restart_count=0)
    watch = _since_last_poll(watch, seen, now_s, counting=counting)
    restarts = _details(seen).restart_count - (watch.restart_count or 0)
    if seen.state is State.PAUSED:
        reason = "it was paused: its Engine was asked to pause it"
        return GateResult(state=GateState.STOPPED, progress=watch, reason=reason)
    is_done = gate.is_finished_job and seen.state is State.EXITED and _details(seen).exit_code == 0
    stopped = "" if is_done else why_stopped(seen)
    if stopped:
        reason = f"it was stopped (exit code {_details(seen).exit_code}): {stopped}"
        return GateResult(state=GateState.STOPPED, progress=watch, reason=reason)
    failure = _failure(gate, seen, restarts)
    if failure:
        return GateResult(state=GateState.FAILED, progress=watch, reason=failure)
    if seen.state is State.EXITED:
        return GateResult(state=GateState.PASSED, progress=watch)
    watch = _after_probe(gate, watch, probed, now_s)
    healthy = not gate.completes and _is_healthy(seen) and (gate.readiness is None or watch.ready)
    healthy_since = (
        (watch.healthy_since_s if watch.healthy_since_s is not None else now_s) if healthy else None
    )
    after = replace(watch, healthy_since_s=healthy_since)
    if healthy_since is not None and now_s - healthy_since >= gate.monitor_s and not watch.refusal_count:
        return GateResult(state=GateState.PASSED, progress=after)
    if now_s - watch.since_s >= gate.deadline_s and not healthy:
        reason = f"it was not healthy within {gate.deadline_s:g} s ({_describe(seen, after)})"
        return GateResult(state=GateState.FAILED, progress=after, reason=reason)
    return GateResult(state=GateState.WAITING, progress=after, reason=_describe(seen, after))


def is_probe_due(gate: Gate, watch: GateProgress, seen: ObservedContainer, now_s: float) -> bool:
    """Return whether a poll should probe the container: only if it is healthy otherwise, and once every `interval`."""
    if gate.readiness is None or not _is_healthy(seen):
        return False
    return watch.probed_at_s is None or now_s - watch.probed_at_s >= gate.readiness.interval_s


def _since_last_poll(
    watch: GateProgress, seen: ObservedContainer, now_s: float, *, counting: bool
) -> GateProgress:
    """Note a start since the last poll, and the value from which restarts are counted.

    A start by a person or by the daemon resets the Engine's restart count to 0. The whole gate then begins again,
    because the release is not responsible for the time that this took from the deadline.
    """
    details = _details(seen)
    known = watch.restart_count
    count = details.restart_count if known is None or not counting else min(known, details.restart_count)
    watch = replace(watch, restart_count=count, polled_at_s=now_s)
    if watch.started_at == details.started_at:
        return watch
    again = replace(watch, started_at=details.started_at)
    if watch.started_at is None:
        return again
    since_s = now_s if details.restart_count == 0 else watch.since_s
    return replace(
        again,
        since_s=since_s,
        healthy_since_s=None,
        probed_at_s=None,
        ready=False,
        refusal_count=0,
        refusal="",
    )


def resumed(watch: GateProgress, now_s: float) -> GateProgress:
    """Return the progress for a wait that is continued: time in which nothing polled the container does not count.

    Otherwise a container that was healthy all that time would fail because of one restart after it. Consecutive runs
    leave no such time.
    """
    unseen_s = now_s - (watch.since_s if watch.polled_at_s is None else watch.polled_at_s)
    if unseen_s <= UNSEEN_MAX_S:
        return watch
    return replace(watch, since_s=watch.since_s + unseen_s, polled_at_s=now_s)


def without_long_pause(gate: Gate, watch: GateProgress, now_s: float) -> GateProgress:
    """Return the progress with at most one usual pause since the last poll; a longer one moves the deadline.

    The controller may have been stopped or busy. Otherwise a container that was healthy all that time and was restarted
    just before this poll would fail. A part of each pause counts, so that a wait with slow answers ends, too.
    """
    pause_max_s = UNSEEN_MAX_S + (gate.readiness.timeout_s if gate.readiness is not None else 0.0)
    pause_s = now_s - (watch.since_s if watch.polled_at_s is None else watch.polled_at_s)
    return replace(watch, since_s=watch.since_s + max(0.0, pause_s - pause_max_s))


def _after_probe(gate: Gate, watch: GateProgress, probed: ProbeResult | None, now_s: float) -> GateProgress:
    if probed is None or gate.readiness is None:
        return watch
    if probed.ready:
        return replace(watch, probed_at_s=now_s, ready=True, refusal_count=0, refusal="")
    count = watch.refusal_count + 1
    ready = watch.ready and count < gate.readiness.retries
    return replace(watch, probed_at_s=now_s, ready=ready, refusal_count=count, refusal=probed.detail)


def _failure(gate: Gate, seen: ObservedContainer, restarts: int) -> str:
    """Return a certain failure; the first match wins; "" if there is none."""
    details = _details(seen)
    code = details.exit_code
    if details.oom_killed:
        return "it was OOM-killed (out of memory)"
    if seen.state in {State.EXITED, State.DEAD, State.REMOVING} and code != 0:
        return f"it exited with code {code}"
    if seen.state is State.RESTARTING and code in BAD_COMMAND_CODES:
        return f"its command cannot be started (exit code {code})"
    if restarts > gate.restarts_max:
        last = f", the last time with exit code {code}" if code else ""
        return f"it keeps crashing: restarted {restarts} times{last}"
    # A healthcheck ends with its container, so an "unhealthy" between two starts has no meaning.
    if seen.state is State.RUNNING and seen.health is Health.UNHEALTHY:
        return "its healthcheck reports unhealthy"
    return ""


def _details(seen: ObservedContainer) -> Details:
    return seen.details or _NO_DETAILS


def _is_healthy(seen: ObservedContainer) -> bool:
    return seen.state is State.RUNNING and seen.health in {Health.NONE, Health.HEALTHY}


def is_doubtful(seen: ObservedContainer) -> bool:
    """Return whether a container of a failed release may have failed: it restarted, or is not running and healthy."""
    crashed = seen.details is not None and seen.details.restart_count > 0
    return crashed or not _is_healthy(seen)


def _describe(seen: ObservedContainer, watch: GateProgress) -> str:
    details = _details(seen)
    health = "" if seen.health is Health.NONE else f", {seen.health.value}"
    refusal = f", not ready: {watch.refusal}" if watch.refusal else ""
    code = f", the last time with exit code {details.exit_code}" if details.exit_code else ""
    restarts = f", restarted {details.restart_count} times{code}" if details.restart_count else ""
    return f"{seen.state.value}{health}{refusal}{restarts}"
