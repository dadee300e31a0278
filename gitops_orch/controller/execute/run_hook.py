"""Runs a hook's command in its container, and decides whether a failure is the fault of the release.

A command that fails is the release's fault. A container that was stopped, paused, restarted or removed from outside
says nothing about the release. If the restart policy restarts the container, it has not failed yet, and its command
waits.
"""

from gitops_orch.engine.base import Engine, ExecResult, ExecSettings
from gitops_orch.errors import Conflict, HookFailed, NotFound, StillRestarting, StoppedFromOutside
from gitops_orch.model.display.program_output import with_output
from gitops_orch.model.observed import Details, ObservedContainer, State
from gitops_orch.model.plan.action import Action, hook_of
from gitops_orch.model.plan.kinds import Exec, Kind
from gitops_orch.planner.inputs.container_exit import why_stopped

OUTPUT_CHARS_MAX = 300  # limit for a failed command's last line in a message


def run_hook(engine: Engine, action: Action, command: Exec) -> None:
    """Run a command and wait for its end.

    Raises:
        HookFailed: it exited with a code other than 0, exceeded its deadline, or its container ended by itself.
        StoppedFromOutside: its container was stopped, paused, restarted or removed from outside.
        StillRestarting: its container's restart policy restarts it.
        EngineError: an error of the Engine, or no answer.
    """
    try:
        _run(engine, action, command)
    except NotFound as error:
        raise StoppedFromOutside(
            f"{action.name} was removed before {hook_title(action)} ended in it: {error}"
        ) from error


def hook_title(action: Action) -> str:
    """Return a step's hook with its command, such as "post_start `warm up`"; "" if the step has no hook."""
    hook = hook_of(action)
    if hook is None:
        return ""
    return f"{_key(action)} `{str(hook) or hook.image}`"


def _key(action: Action) -> str:
    """Return the Compose key under which a step's hook is declared. Only a pre_stop may fail without consequences."""
    if action.kind is Kind.RUN_JOB:
        return "pre_start"
    return "pre_stop" if action.optional else "post_start"


def in_hook(action: Action, reason: str) -> str:
    """Return why a step failed, with its hook before it if the step has one."""
    return f"{hook_title(action)}: {reason}" if hook_of(action) is not None else reason


def _run(engine: Engine, action: Action, command: Exec) -> None:
    hook = command.hook
    settings = ExecSettings(
        user=hook.user,
        privileged=hook.privileged,
        working_dir=hook.working_dir,
        environment=hook.environment,
        deadline_s=command.gate.deadline_s,
    )
    before = engine.inspect(action.target)
    try:
        result = engine.run_exec(action.target, hook.command, settings)
    except Conflict as error:
        _raise_if_excused(engine, action, before)
        raise HookFailed(
            f"{action.name} ended before {hook_title(action)} could be run in it: {error}"
        ) from error
    failure = _failure(action, result, settings.deadline_s)
    if failure:
        _raise_if_excused(engine, action, before)
        raise HookFailed(failure)


def _failure(action: Action, result: ExecResult, deadline_s: float | None) -> str:
    if result.timed_out:
        return f"{hook_title(action)} in {action.name} did not end within {deadline_s:g} s"
    if result.exit_code == 0:
        return ""
    last = (result.output.strip().splitlines() or [""])[-1][:OUTPUT_CHARS_MAX]
    return with_output(f"{hook_title(action)} in {action.name} ended with code {result.exit_code}", last)


def _raise_if_excused(engine: Engine, action: Action, before: ObservedContainer) -> None:
    """Raise if the command could not succeed because its container was stopped or restarted meanwhile."""
    after = engine.inspect(action.target)
    stopped = "it was paused" if after.state is State.PAUSED else why_stopped(after)
    if stopped:
        raise StoppedFromOutside(f"{action.name} was stopped while a command ran in it: {stopped}")
    if State.RESTARTING in {before.state, after.state}:
        raise StillRestarting(f"{action.name} is restarted by its restart policy")
    was, now = before.details or Details(), after.details or Details()
    if was.started_at == now.started_at:
        return
    if now.restart_count > was.restart_count:
        raise StillRestarting(f"{action.name} was restarted by its restart policy while a command ran in it")
    raise StoppedFromOutside(f"{action.name} was restarted from outside while a command ran in it")
