"""Performs one action on its Engine.

Each can be repeated after a crash or a lost answer: if it is done already, it succeeds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from gitops_orch.controller.execute.run_hook import run_hook
from gitops_orch.engine.base import Engine
from gitops_orch.errors import (
    EngineError,
    HookFailed,
    HostUnreachable,
    ImageUnavailable,
    StoppedFromOutside,
    Unstartable,
)
from gitops_orch.model.plan import Action, Kind
from gitops_orch.model.status import FailureKind

T = TypeVar("T")
Performer = Callable[[Engine, Action], None]


@dataclass(frozen=True, slots=True)
class Effect:
    """The outcome of an action.

    `note` is an error that does not fail the action; `created_id` is a new container's id.
    """

    note: str = ""
    created_id: str = ""


def perform(engine: Engine, action: Action) -> Effect:
    """Perform an action. WAIT_HEALTHY is not performed here but by the executor.

    Raises:
        EngineError: an error of the Engine, or no answer.
    """
    try:
        if action.kind is Kind.CREATE:
            return Effect(created_id=engine.create(_given(action.container)))
        if action.kind is Kind.PUT_FILES:
            return Effect(note=_put_files(engine, action))
        _PERFORMERS[action.kind](engine, action)
    except HostUnreachable:
        raise
    except EngineError as error:
        if not action.optional:
            raise
        return Effect(note=str(error))
    return Effect()


def _pull(engine: Engine, action: Action) -> None:
    image = _given(action.image)
    engine.pull(image, platform=action.platform, local_suffices=action.local_suffices)


def _create_network(engine: Engine, action: Action) -> None:
    engine.create_network(_given(action.app), _given(action.network))


def _create_volume(engine: Engine, action: Action) -> None:
    if action.files is not None:
        engine.record_live(_given(action.app), action.files)
        return
    engine.create_volume(_given(action.app), _given(action.volume))


def _put_files(engine: Engine, action: Action) -> str:
    app, files, image = _given(action.app), _given(action.files), _given(action.image)
    if action.work is None:
        return engine.put_files(app, files, image=image)
    left = engine.change_files(app, files, action.work, image=image)
    paths = ", ".join("/".join(part for part in (files.writable_path, name) if part) for name in left)
    return f"{paths} changed on the host in the meantime, and was left alone" if left else ""


def _start(engine: Engine, action: Action) -> None:
    engine.start(action.target)


def _stop(engine: Engine, action: Action) -> None:
    """Stop a container. If its successor needs ports that it does not have itself, check first that they are free."""
    if action.ports:
        engine.check_ports(_given(action.app), _given(action.image), action.ports)
    engine.stop(action.target)


def _remove(engine: Engine, action: Action) -> None:
    engine.remove(action.target)


def _rename(engine: Engine, action: Action) -> None:
    engine.rename(action.target, _given(action.new_name))


def _update(engine: Engine, action: Action) -> None:
    engine.update(action.target, _given(action.update))


def _restart(engine: Engine, action: Action) -> None:
    engine.restart(action.target)


def _unpause(engine: Engine, action: Action) -> None:
    engine.unpause(action.target)


def _connect(engine: Engine, action: Action) -> None:
    network = _given(action.network).name
    engine.connect_network(action.target, network, _given(action.joining))


def _disconnect(engine: Engine, action: Action) -> None:
    engine.disconnect_network(action.target, _given(action.network).name)


def _exec(engine: Engine, action: Action) -> None:
    if action.hook is None:
        engine.signal(action.target, action.signal)
    else:
        run_hook(engine, action, action.hook)


def _remove_network(engine: Engine, action: Action) -> None:
    engine.remove_network(action.target)


def _remove_volume(engine: Engine, action: Action) -> None:
    engine.remove_volume(action.target)


def _given(value: T | None) -> T:
    assert value is not None, "the planner fills in what a kind of action needs"  # noqa: S101 - our own mistake
    return value


_PERFORMERS: Mapping[Kind, Performer] = {
    Kind.PULL: _pull,
    Kind.CREATE_NETWORK: _create_network,
    Kind.CREATE_VOLUME: _create_volume,
    Kind.START: _start,
    Kind.RUN_JOB: _start,
    Kind.STOP: _stop,
    Kind.REMOVE: _remove,
    Kind.RENAME: _rename,
    Kind.UPDATE: _update,
    Kind.RESTART: _restart,
    Kind.UNPAUSE: _unpause,
    Kind.CONNECT_NETWORK: _connect,
    Kind.DISCONNECT_NETWORK: _disconnect,
    Kind.EXEC: _exec,
    Kind.REMOVE_NETWORK: _remove_network,
    Kind.REMOVE_VOLUME: _remove_volume,
}


def failure_of(error: Exception) -> FailureKind:
    """Return the kind of failure that this error is, which decides whose fault it is."""
    if isinstance(error, Unstartable | HookFailed):
        return FailureKind.GATE
    if isinstance(error, StoppedFromOutside):
        return FailureKind.OUTSIDE
    passing = isinstance(error, HostUnreachable | ImageUnavailable)
    return FailureKind.TRANSIENT if passing else FailureKind.OTHER
