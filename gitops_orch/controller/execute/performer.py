"""Performs single actions, and decides whether a failed start is the fault of the release."""

from dataclasses import replace

from gitops_orch.controller.execute.engine_actions import perform
from gitops_orch.engine.base import Engine
from gitops_orch.errors import (
    EngineError,
    GitopsOrchError,
    HostUnreachable,
    Unstartable,
    internal_error,
    without_host,
)
from gitops_orch.logs import LOG
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import KINDS, Create
from gitops_orch.model.rules.exit_codes import BAD_COMMAND_CODES
from gitops_orch.model.rules.start_errors import host_hint, is_release_fault

ACTION_FAILED = "action.internal_error"


class Performer:
    """Remembers the ids of containers that it created. Another container may have a name later, but never an id."""

    def __init__(self) -> None:
        self._created: dict[tuple[str, str], str] = {}  # ids of containers, by host and name

    def container_of(self, action: Action) -> str:
        """Return the container of an action: its id if it was created here, else the target that the action names."""
        if not KINDS[action.kind].on_container:
            return action.target
        return self._created.get((action.host, action.target), action.target)

    def _with_known_ids(self, action: Action) -> Action:
        """Return an action with ids instead of the names of containers that were created here.

        Another container that gets such a name later is not meant.
        """
        payload = action.payload
        if isinstance(payload, Create) and payload.container.peers:
            named = payload.container.peers.items()
            peers = {each: self._created.get((action.host, peer), peer) for each, peer in named}
            payload = Create(replace(payload.container, peers=peers))
        return replace(action, target=self.container_of(action), payload=payload)

    def perform(self, engine: Engine, action: Action) -> str:
        """Perform an action, and return a note about it, or ""; raises EngineError.

        Raises Unstartable if an Engine refuses a start because of the image itself.
        """
        try:
            effect = perform(engine, self._with_known_ids(action))
        except HostUnreachable:
            raise
        except EngineError as error:
            if KINDS[action.kind].starts and _can_never_start(engine, self.container_of(action), str(error)):
                raise Unstartable(str(error)) from error
            raise
        if effect.created_id:
            self._created[(action.host, action.target)] = effect.created_id
        return effect.note


def error_text(error: Exception, host: str) -> str:
    """Return the message of a failure, without its host; an unexpected exception is also logged with its traceback."""
    if isinstance(error, GitopsOrchError):
        return without_host(str(error), host)
    LOG.error(ACTION_FAILED, error=str(error), exc_info=error)
    return internal_error(error)


def _can_never_start(engine: Engine, container: str, reason: str) -> bool:
    """Tell whether a start was refused because of the image itself, and not because the host lacks something."""
    if is_release_fault(reason):
        return True
    if host_hint(reason):
        return False
    try:
        details = engine.inspect(container).details
    except EngineError:
        return False
    return details is not None and details.exit_code in BAD_COMMAND_CODES
