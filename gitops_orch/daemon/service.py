"""The service: keeps the loop running, wakes it, answers requests of other commands, and stops on a signal."""

import os
import queue
import signal
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from types import FrameType
from typing import TypeAlias

from gitops_orch.controller.execute.run_control import ProgressEvent, RunControl
from gitops_orch.controller.loop import EVENT, REQUEST, RESYNC, RETRY, SCHEDULE, Loop
from gitops_orch.daemon.alerts import send_alerts, send_revert_alerts
from gitops_orch.daemon.application import Application, open_application
from gitops_orch.daemon.expected_waits import Underway
from gitops_orch.daemon.interrupts import StoppedContainers
from gitops_orch.daemon.liveness import Liveness, check_liveness
from gitops_orch.daemon.metrics import Metrics
from gitops_orch.daemon.reload import RELOADABLE, changed_keys
from gitops_orch.daemon.requests.request_handler import RequestHandler
from gitops_orch.daemon.service_view import ServeHttp
from gitops_orch.daemon.systemd import Systemd
from gitops_orch.daemon.triggers import EventWatchers, Timers, forget_inspections, matters
from gitops_orch.engine.base import EngineEvent
from gitops_orch.errors import HistoryError, SettingsError, SourceError
from gitops_orch.logs import LOG, configure_logs
from gitops_orch.model.status import RunReport
from gitops_orch.notify import Outbox, make_receivers
from gitops_orch.settings import Settings

# Below the unit's TimeoutStopSec. A stop that runs may have a long grace period.
STOP_WAIT_MAX_S = 600.0
SHORT_COMMIT_CHARS = 10
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
        self._outbox = outbox
        self._metrics = Metrics()
        self._systemd = Systemd()
        self._requests = RequestHandler(application)
        self._loop = Loop(self._run, application.clock, self._on_report)
        self._timers = Timers(application.settings, application.clock, self._loop.wake)
        self._watchers = EventWatchers(self._on_event)
        self._ended = threading.Event()
        self._doing = "starting"
        self._stopped, self._underway = StoppedContainers(), Underway(application.clock)
        self._is_partial = False  # the last run was limited to some apps
        self._has_more = False  # the last run over all apps was cut short
        self._rested_s = application.clock.monotonic_s()
        self._ticked_s = application.clock.monotonic_s()

    def liveness(self) -> Liveness:
        """Return whether the loop makes progress."""
        return check_liveness(
            doing=self._doing,
            quiet_s=self._loop.quiet_s(),
            idle_s=self._application.clock.monotonic_s() - self._rested_s,
            interval_s=self._settings.poll.interval,
        )

    def exposition(self) -> bytes:
        """Return the metrics in the format of Prometheus."""
        return self._metrics.exposition(is_alive=self.liveness().alive)

    def work(self, signals: "queue.SimpleQueue[int]") -> None:
        """Work until a signal arrives.

        A call to a host may still hang in a thread then; the process does not wait for it. Nothing is lost: the next
        run observes and plans again.
        """
        worker = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)
        worker.start()
        self._timers.start()
        self._systemd.feed_watchdog(lambda: self.liveness().alive, self._ended)
        self._systemd.ready()
        LOG.info("service.started", repository=self._application.repository.source.url, pid=os.getpid())
        number = self._wait_for_signal(signals, worker)
        LOG.info("service.stopping", signal=number)
        self._systemd.stopping()
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
        self._outbox.deliver_to(receivers)
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
            self._loop.wake(RETRY)
        try:
            if self._requests.answer_new():
                self._loop.wake(REQUEST)
        except HistoryError as error:
            LOG.warning("requests.unreadable", error=str(error))

    def _wind_down(self, worker: threading.Thread, signals: "queue.SimpleQueue[int]") -> None:
        """Wait until the run ends; another signal ends the wait."""
        self._loop.stop()
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
            LOG.warning(
                "service.abandoned", doing=self._doing, waited_s=waited_s, left=self._stopped.sentence()
            )

    def _run(
        self,
        *,
        trigger: str,
        fetch: bool,
        quick: bool,
        should_stop: Callable[[], bool],
        should_yield: Callable[[], bool],
    ) -> RunReport:
        self._doing = "looking at Git and all hosts"
        self._stopped, self._underway = StoppedContainers(), Underway(self._application.clock)
        if RESYNC in trigger:
            forget_inspections(
                self._application.reconciler.engines.by_name().values(), self._application.clock
            )
        # See Note [Syncs of some apps] in requests/request_handler.py.
        with self._requests.serving_syncs(also_of_some_apps=trigger == REQUEST) as asked:
            if not asked.numbers and self._requests.has_waiting():
                self._loop.wake(REQUEST)  # so that this run ends as soon as it only waits
                fetch = not set(trigger.split(",")) <= {REQUEST, EVENT, SCHEDULE}  # the sync itself fetches
            report = self._application.reconciler.run(
                trigger=trigger,
                control=RunControl(
                    progress=self._on_progress,
                    should_stop=asked.noting(self._beating(should_stop)),
                    should_yield=asked.noting(should_yield),
                ),
                fetch=fetch or bool(asked.numbers),
                quick=quick and not asked.numbers,
                apps=asked.apps,
                tags=asked.tags,
            )
            asked.report = report
        self._is_partial = bool(asked.apps)
        if self._requests.has_waiting() or (self._is_partial and self._has_more):
            self._loop.wake(REQUEST)
        if not self._is_partial:
            self._has_more = asked.cut_short
        return report

    def _beating(self, should_stop: Callable[[], bool]) -> Callable[[], bool]:
        """Return the same function.

        A call of it counts as progress while every expected wait is within its deadline.
        """

        def ask() -> bool:
            if self._underway.is_in_time():
                self._loop.beat()
            return should_stop()

        return ask

    def _on_progress(self, event: ProgressEvent) -> None:
        self._loop.beat()
        self._stopped(event)
        self._underway.note(event)
        self._doing = f"{event.action.kind.value} {event.action.name}" if event.action else event.kind

    def _on_report(self, report: RunReport) -> None:
        self._rested_s = self._application.clock.monotonic_s()
        self._doing = "waiting"
        self._timers.arm(report.final_status.wake_at)
        self._watchers.follow(self._application.reconciler.engines.by_name())
        self._metrics.record(report, is_partial=self._is_partial)
        # The next run over all apps reports all other news, also of apps that this run did not cover.
        if self._is_partial:
            send_revert_alerts(self._outbox, report, self._describe)
            return
        self._systemd.status(f"{report.status} at {report.final_status.commit[:10] or 'no commit yet'}")
        send_alerts(self._outbox, report, self._describe, self._application.history.troubles())

    def _describe(self, commit: str) -> str:
        try:
            info = self._application.repository.source.commit_info(commit)
        except SourceError:
            return commit[:SHORT_COMMIT_CHARS]
        return f"{commit[:SHORT_COMMIT_CHARS]} {info.subject} ({info.author})"

    def _on_event(self, event: EngineEvent) -> None:
        if matters(event, self._application.settings.instance):
            self._loop.wake(EVENT, event.host)
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
