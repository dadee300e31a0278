"""Observes all hosts at once, with a deadline. A host that does not answer is unknown and delays no other host."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from gitops_orch.clock import Clock
from gitops_orch.controller.workers import AnswerLimits, Finished, Workers, gather
from gitops_orch.engine.base import Engine
from gitops_orch.errors import INTERNAL_HINT, GitopsOrchError, internal_error, without_host
from gitops_orch.logs import LOG
from gitops_orch.model.host import Host
from gitops_orch.model.observed import Observation, ObservedHost, UnknownHost

OBSERVE_DEADLINE_S = 15.0
HOST_UNREADABLE = "host.unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveLimits:
    """How long to wait for answers, and for which hosts not to wait: their answers are used if they come meanwhile."""

    deadline_s: float = OBSERVE_DEADLINE_S
    skipped: Mapping[str, str] = field(
        default_factory=dict
    )  # each with the reason why it did not answer before


NO_LIMITS = ObserveLimits()


class Engines:
    """Connections to hosts. A connection is kept as long as the host's document does not change."""

    def __init__(
        self, connect: Callable[[Host], Engine], observe_deadline_s: float = OBSERVE_DEADLINE_S
    ) -> None:
        self._connect = connect
        self._observe_deadline_s = observe_deadline_s
        self._open: dict[str, tuple[Host, Engine]] = {}
        self.silent: Mapping[str, str] = {}  # hosts that did not answer the last time, with the reasons

    def limits(self, *, quick: bool) -> ObserveLimits:
        """Return how long to wait for hosts. `quick`: not for those that did not answer the last time."""
        return ObserveLimits(deadline_s=self._observe_deadline_s, skipped=self.silent if quick else {})

    def note_unreachable(self, observed: Mapping[str, Observation]) -> None:
        """Remember which hosts did not answer."""
        self.silent = {name: seen.reason for name, seen in observed.items() if isinstance(seen, UnknownHost)}

    def get(self, host: Host) -> Engine:
        """Return the host's engine; raises EngineError if it cannot be connected at all."""
        known = self._open.get(host.name)
        if known is not None and known[0] == host:
            return known[1]
        if known is not None:
            known[1].close()
        engine = self._connect(host)
        self._open[host.name] = (host, engine)
        return engine

    def forget_others(self, hosts: Iterable[Host]) -> None:
        """Close connections to hosts that no longer exist."""
        names = {host.name for host in hosts}
        for name in [name for name in self._open if name not in names]:
            self._open.pop(name)[1].close()

    def by_name(self) -> Mapping[str, Engine]:
        """Return all open engines."""
        return {name: engine for name, (_, engine) in self._open.items()}

    def close(self) -> None:
        """Close all connections."""
        self.forget_others(())


def observe_all(
    hosts: Iterable[Host], engines: Engines, workers: Workers, clock: Clock, limits: ObserveLimits = NO_LIMITS
) -> Mapping[str, Observation]:
    """Return an observation for every host.

    A host that fails, or does not answer in time, is unknown, with the reason.
    """
    works: dict[str, Callable[[], object]] = {host.name: partial(_observe, engines, host) for host in hosts}
    patient = [name for name in works if name not in limits.skipped]
    answers = gather(workers, works, AnswerLimits(limits.deadline_s, frozenset(patient)), clock.monotonic_s)
    return {name: _observation(name, answers.get(name), limits) for name in works}


def _observe(engines: Engines, host: Host) -> ObservedHost:
    return engines.get(host).observe()


def _observation(name: str, answer: Finished | None, patience: ObserveLimits) -> Observation:
    if answer is None:
        before = patience.skipped.get(name)  # it was not waited for, so the earlier reason is known
        return UnknownHost(name=name, reason=before or f"no answer within {patience.deadline_s:g} s")
    if isinstance(answer.error, GitopsOrchError):
        return UnknownHost(name=name, reason=without_host(str(answer.error), name), hint=answer.error.hint)
    if answer.error is not None:
        LOG.error(HOST_UNREADABLE, host=name, error=str(answer.error), exc_info=answer.error)
        return UnknownHost(name=name, reason=internal_error(answer.error), hint=INTERNAL_HINT)
    assert isinstance(answer.value, ObservedHost)  # noqa: S101 - what an engine returns
    return answer.value
