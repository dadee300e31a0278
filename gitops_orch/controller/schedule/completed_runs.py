"""Remembers which containers have completed: their Engine forgets how they ended, at the latest when it restarts."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from gitops_orch.history.history import History
from gitops_orch.model.observed import (
    EndedBy,
    Observation,
    ObservedContainer,
    ObservedHost,
    State,
    owned_containers,
)
from gitops_orch.planner.inputs.container_exit import is_done

Container = TypeVar("Container", bound=ObservedContainer)


def with_completed(observed: Mapping[str, Observation], history: History) -> Mapping[str, Observation]:
    """Return the observation, in which the containers that are remembered as completed count as ended by themselves."""
    known = _read(history.completed())
    if not known:
        return observed
    return {
        name: replace(
            host,
            owned=tuple(_recalled(each, known) for each in host.owned),
            foreign=tuple(_recalled(each, known) for each in host.foreign),
        )
        if isinstance(host, ObservedHost)
        else host
        for name, host in observed.items()
    }


def note_completed(observed: Mapping[str, Observation], history: History) -> None:
    """Remember the containers that have completed, and forget those that run again or do not exist any more."""
    known = _read(history.completed())
    there = {each.id: each for each in owned_containers(observed)}
    silent = any(not isinstance(host, ObservedHost) for host in observed.values())
    done = {identity for identity, each in there.items() if is_done(each)}
    kept = {identity for identity in known if _is_as_it_was(there.get(identity), silent=silent)}
    if done | kept != known:
        history.set_completed(json.dumps(sorted(done | kept)))


def _is_as_it_was(container: ObservedContainer | None, *, silent: bool) -> bool:
    """Tell whether a completed container may still exist as it was: stopped, or on a host that does not answer."""
    return silent if container is None else container.state is State.EXITED


def _recalled(container: Container, known: frozenset[str]) -> Container:
    details = container.details
    if details is None or container.id not in known or container.state is not State.EXITED:
        return container
    return replace(container, details=replace(details, ended_by=EndedBy.ITSELF))


def _read(text: str | None) -> frozenset[str]:
    with suppress(ValueError, TypeError):
        return frozenset(str(each) for each in json.loads(text or "[]"))
    return frozenset()
