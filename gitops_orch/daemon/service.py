"""The service: keeps the loop running, wakes it, answers requests of other commands, and stops on a signal."""

import os
import queue
import signal
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from types import FrameType
from typing import TypeAlias

from gitops_orch.controller.loop import EVENT, RETRY
from gitops_orch.daemon.application import Application, open_application
from gitops_orch.daemon.progress.liveness import Liveness
from gitops_orch.daemon.publish.publisher import Publisher
from gitops_orch.daemon.reload import RELOADABLE, changed_keys
from gitops_orch.daemon.service_loop import ServiceLoop
from gitops_orch.daemon.service_view import ServeHttp
from gitops_orch.daemon.triggers import EventWatchers, Timers, matters
from gitops_orch.engine.base import EngineEvent
from gitops_orch.errors import HistoryError, SettingsError
from gitops_orch.logs import LOG, configure_logs
from gitops_orch.model.status import RunReport
from gitops_orch.notify import Outbox, make_receivers
from gitops_orch.settings import Settings

# Below the unit's TimeoutStopSec. A stop that runs may have a long grace period.
STOP_WAIT_MAX_S = 600.0
TICK_S = 0.2  # in seconds: the maximum delay until a request of another command is read
SIGNALS = (signal.SIGTERM, signal.SIGINT)
TIMELINE_ACTIONS = frozenset({"die", "oom", "start", "health_status", "pause", "unpause", "destroy"})

LoadSettings: TypeAlias = Callable[[], Settings]


class Daemon:
    """A running controller, which holds the lease."""

    def __init__(self, application: Application, outbox: Outbox, load: LoadSettings) -> None:
        self._application = application
        self._settings = application.settings  # as of the last SIGHUP
        self._load = load
        self._publisher = Publisher(application, outbox)
        self._runs = ServiceLoop(application, self._on_report)
        self._timers = Timers(application.settings, application.clock, self._runs.loop.wake)
        self._watchers = EventWatchers(self._on_event)
        self._ended = threading.Event()
        self._ticked_s = application.clock.monotonic_s()

    def liveness(self) -> Liveness:
        """Return whether the loop makes progress."""
        return self._runs.liveness(self._settings.poll.interval)

    def exposition(self) -> bytes:
        """Return the metrics in the format of Prometheus."""
        return self._publisher.metrics.exposition(is_alive=self.liveness().alive)

    def work(self, signals: "queue.SimpleQueue[int]") -> None:
        """Work until a signal arrives.

        A call to a host may still hang in a thread then; the process does not wait for it. Nothing is lost: the next
        run observes and plans again.
        """
        worker = threading.Thread(target=self._runs.loop.run_forever, name="loop", daemon=True)
        worker.start()
        self._timers.start()
        self._publisher.systemd.feed_watchdog(lambda: self.liveness().alive, self._ended)
        self._publisher.systemd.ready()
        LOG.info("service.started", repository=self._application.repository.source.url, pid=os.getpid())
        number = self._wait_for_signal(signals, worker)
        LOG.info("service.stopping", signal=number)
        self._publisher.systemd.stopping()
        self._wind_down(worker, signals)

    def _wait_for_signal(self, signals: "queue.SimpleQueue[int]", worker: threading.Thread) -> int:
        while worker.is_alive():
            try:
                number = signals.get(timeout=TICK_S)
            except queue.Empty:
                self._tick()
                continue
            if number != signal.SIGHUP:
                return number
            self._reload()
        return 0

    def _reload(self) -> None:
        """Apply the settings that a running service can change. If the settings have a mistake, nothing changes."""
        try:
            settings = self._load()
            receivers = make_receivers(settings.notify.urls_file)
        except SettingsError as error:
            LOG.error("settings.refused", error=str(error))
            return
        changed = changed_keys(self._settings, settings)
        self._settings = settings
        self._publisher.outbox.deliver_to(receivers)
        self._timers.change(settings)
        if any(key.startswith("log.") for key in changed):
            configure_logs(format_name=settings.log.format, level=settings.log.level)
        LOG.info("settings.reloaded", changed=[key for key in changed if key in RELOADABLE])
        kept = changed_keys(self._application.settings, settings)
        if left := [key for key in kept if key not in RELOADABLE]:
            LOG.warning("settings.need_restart", keys=left, hint="restart the service to use these")

    def _tick(self) -> None:
        self._timers.wake_if_overdue()
        since_s, self._ticked_s = self._ticked_s, self._application.clock.monotonic_s()
        if self._application.reconciler.is_to_be_retried(since_s, self._ticked_s):
            self._runs.loop.wake(RETRY)
        self._runs.answer_requests()

    def _wind_down(self, worker: threading.Thread, signals: "queue.SimpleQueue[int]") -> None:
        """Wait until the run ends; another signal ends the wait."""
        self._runs.loop.stop()
        self._timers.stop()
        began_s = self._application.clock.monotonic_s()
        while worker.is_alive() and self._application.clock.monotonic_s() - began_s < STOP_WAIT_MAX_S:
            with suppress(queue.Empty):
                if signals.get(block=False) in SIGNALS:
                    break
            worker.join(TICK_S)
        self._watchers.stop()
        self._ended.set()
        if worker.is_alive():
            waited_s = round(self._application.clock.monotonic_s() - began_s)
            activity = self._runs.activity
            LOG.warning(
                "service.abandoned", doing=activity.doing, waited_s=waited_s, left=activity.left_down()
            )

    def _on_report(self, report: RunReport, is_partial: bool) -> None:  # noqa: FBT001 - the loop's callback
        self._timers.arm(report.final_status.wake_at)
        self._watchers.follow(self._application.reconciler.engines.by_name())
        self._publisher.publish(report, is_partial=is_partial)

    def _on_event(self, event: EngineEvent) -> None:
        if matters(event, self._application.settings.instance):
            self._runs.loop.wake(EVENT, event.host)
            self._keep(event)

    def _keep(self, event: EngineEvent) -> None:
        if event.kind != "container" or event.action.split(":")[0] not in TIMELINE_ACTIONS:
            return
        code = event.attributes.get("exitCode")
        try:
            self._application.history.record_event(
                event.host,
                event.attributes.get("name", event.id),
                event.at,
                event.action,
                f"exit code {code}" if code else "",
            )
        except HistoryError as error:
            LOG.warning("event.not_recorded", error=str(error))


def run_service(settings: Settings, url: str, serve_http: ServeHttp, load: LoadSettings) -> None:
    """Run the service until SIGTERM or SIGINT; raises LeaseHeld if another controller uses the same state.

    SIGHUP reads the settings again, with `load`.
    """
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()

    def remember(number: int, _frame: FrameType | None) -> None:
        signals.put(number)  # a signal handler may fill a SimpleQueue, but may not set an Event

    receivers = make_receivers(settings.notify.urls_file)
    with (
        open_application(settings, url, caches=True) as application,
        closing(Outbox(receivers, application.history)) as outbox,
    ):
        application.history.acquire_lease()
        for number in (*SIGNALS, signal.SIGHUP):
            signal.signal(number, remember)
        service = Daemon(application, outbox, load)
        with serve_http(service, settings.http.listen) as address:
            LOG.info("http.listening", address=address)
            service.work(signals)
