"""Follows a host's events in a thread that reconnects, and reports each time when events may have been missed."""

import threading
from collections.abc import Callable
from typing import Protocol

from gitops_orch.engine.base import Engine, EngineEvent
from gitops_orch.errors import EngineError
from gitops_orch.logs import LOG

EVENTS_ENDED = "host.events_ended"
EVENTS_FAILED = "host.events_internal_error"
PAUSE_MIN_S = 0.5
PAUSE_MAX_S = 30.0


class Forgetful(Protocol):
    """An engine that caches inspections."""

    def forget(self, container: str) -> None:
        """Drop the cached inspection of a container."""
        ...

    def forget_all(self) -> None:
        """Drop all cached inspections."""
        ...


class EventWatch:
    """A thread that follows the events of one engine until the event `stop` is set."""

    def __init__(
        self, engine: Engine, on_event: Callable[[EngineEvent], None], stop: threading.Event
    ) -> None:
        self._engine = engine
        self._on_event = on_event
        self._stop = stop
        self.thread = threading.Thread(target=self._run, name=f"events-{engine.name}", daemon=True)

    def _run(self) -> None:
        pause_s = PAUSE_MIN_S
        while not self._stop.is_set():
            if self._follow():
                pause_s = PAUSE_MIN_S
            self._stop.wait(pause_s)
            pause_s = min(PAUSE_MAX_S, pause_s * 2)

    def _follow(self) -> bool:
        """Pass each event to `on_event` until the stream ends; return whether there were any events."""
        seen = False
        try:
            for event in self._engine.events():
                if self._stop.is_set():
                    break
                seen = True
                self._pass_on(event)
        except EngineError as error:
            # The next observation reports that the host failed. This thread only connects again.
            LOG.debug(EVENTS_ENDED, host=self._engine.name, error=str(error))
        except Exception as error:  # noqa: BLE001 - without this thread, changes are noticed late
            LOG.error(EVENTS_FAILED, host=self._engine.name, error=str(error), exc_info=error)
        return seen

    def _pass_on(self, event: EngineEvent) -> None:
        forget(self._engine, event)
        self._on_event(event)


def watch(engine: Engine, on_event: Callable[[EngineEvent], None], stop: threading.Event) -> EventWatch:
    """Start a thread that follows the engine's events; `on_event` must return at once.

    Each connection and reconnection is an event, too (`stream connected`). An observation after it misses no change.
    Therefore old events need not be requested, and the clock of another machine does not matter.
    To end the thread, set `stop` and close the engine.
    """
    running = EventWatch(engine, on_event, stop)
    running.thread.start()
    return running


def forget(engine: object, event: EngineEvent) -> None:
    """Drop the engine's cached inspections that the event makes invalid; do nothing if the engine has no cache."""
    if not (hasattr(engine, "forget") and hasattr(engine, "forget_all")):
        return
    remembering: Forgetful = engine
    if event.kind == "container":
        remembering.forget(event.id)
    elif event.kind == "network" and event.attributes.get("container"):
        remembering.forget(event.attributes["container"])
    elif event.kind == "stream":
        remembering.forget_all()
