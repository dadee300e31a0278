"""Performs one action on its Engine.

Each can be repeated after a crash or a lost answer: if it is done already, it succeeds.
"""

from dataclasses import dataclass
from typing import assert_never

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
from gitops_orch.model.app import AppKey
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import (
    ConnectNetwork,
    Create,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    Exec,
    Payload,
    Pull,
    PutFiles,
    RecordFiles,
    Remove,
    RemoveNetwork,
    RemoveVolume,
    Rename,
    Restart,
    RunJob,
    Signal,
    Start,
    Stop,
    Unpause,
    Update,
    WaitHealthy,
)
from gitops_orch.model.status import FailureKind


@dataclass(frozen=True, slots=True)
class Effect:
    """The outcome of an action.

    `note` is an error that does not fail the action; `created_id` is a new container's id.
    """

    note: str = ""
    created_id: str = ""


def perform(engine: Engine, action: Action) -> Effect:
    """Perform an action.

    Raises:
        EngineError: an error of the Engine, or no answer.
    """
    try:
        return _call(engine, action, action.payload)
    except HostUnreachable:
        raise
    except EngineError as error:
        if not action.optional:
            raise
        return Effect(note=str(error))


def _call(engine: Engine, action: Action, payload: Payload) -> Effect:  # noqa: C901, PLR0912 - one case for each payload
    """Make the Engine's call for a payload."""
    match payload:
        case Pull():
            engine.pull(payload.image, platform=payload.platform, local_suffices=payload.local_suffices)
        case CreateNetwork():
            engine.create_network(_app(action), payload.network)
        case CreateVolume():
            engine.create_volume(_app(action), payload.volume)
        case RecordFiles():
            engine.record_live(_app(action), payload.files)
        case PutFiles():
            return Effect(note=_put_files(engine, _app(action), payload))
        case Create():
            return Effect(created_id=engine.create(payload.container))
        case Start() | RunJob():
            engine.start(action.target)
        case Stop():
            if payload.ports:
                engine.check_ports(_app(action), payload.image, payload.ports)
            engine.stop(action.target)
        case Remove():
            engine.remove(action.target)
        case Rename():
            engine.rename(action.target, payload.new_name)
        case Update():
            engine.update(action.target, payload.fields)
        case Restart():
            engine.restart(action.target)
        case Unpause():
            engine.unpause(action.target)
        case ConnectNetwork():
            engine.connect_network(action.target, payload.network, payload.joining)
        case DisconnectNetwork():
            engine.disconnect_network(action.target, payload.network)
        case Exec():
            run_hook(engine, action, payload)
        case Signal():
            engine.signal(action.target, payload.signal)
        case RemoveNetwork():
            engine.remove_network(action.target)
        case RemoveVolume():
            engine.remove_volume(action.target)
        case WaitHealthy():
            raise ValueError("a gate is polled by the executor, and never performed")
        case _:
            assert_never(payload)
    return Effect()


def _put_files(engine: Engine, app: AppKey, payload: PutFiles) -> str:
    files = payload.files
    if payload.work is None:
        return engine.put_files(app, files, image=payload.image)
    left = engine.change_files(app, files, payload.work, image=payload.image)
    paths = ", ".join("/".join(part for part in (files.writable_path, name) if part) for name in left)
    return f"{paths} changed on the host in the meantime, and was left alone" if left else ""


def _app(action: Action) -> AppKey:
    assert action.app is not None, "the planner adds the app that an object belongs to"  # noqa: S101 - our own mistake
    return action.app


def failure_of(error: Exception) -> FailureKind:
    """Return the kind of failure that this error is, which decides whose fault it is."""
    if isinstance(error, Unstartable | HookFailed):
        return FailureKind.GATE
    if isinstance(error, StoppedFromOutside):
        return FailureKind.OUTSIDE
    passing = isinstance(error, HostUnreachable | ImageUnavailable)
    return FailureKind.TRANSIENT if passing else FailureKind.OTHER
