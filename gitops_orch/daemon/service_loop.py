"""The loop of the service: each run serves its trigger, and the syncs that other commands asked for."""

from collections.abc import Callable

from gitops_orch.controller.execute.run_control import ProgressEvent, RunControl
from gitops_orch.controller.loop import EVENT, REQUEST, RESYNC, SCHEDULE, Loop
from gitops_orch.daemon.application import Application
from gitops_orch.daemon.progress.activity import Activity
from gitops_orch.daemon.progress.liveness import Liveness, check_liveness
from gitops_orch.daemon.requests.request_handler import RequestHandler
from gitops_orch.daemon.triggers import forget_inspections
from gitops_orch.errors import HistoryError
from gitops_orch.logs import LOG
from gitops_orch.model.status import RunReport


class ServiceLoop:
    """Runs reconciles, one after the other. `on_report` gets each report, and whether the run was limited to some apps."""

    def __init__(self, application: Application, on_report: Callable[[RunReport, bool], None]) -> None:
        self.activity = Activity(application.clock)
        self.loop = Loop(self._run, application.clock, self._report)
        self._application = application
        self._requests = RequestHandler(application)
        self._on_report = on_report
        self._is_partial = False  # the last run was limited to some apps
        self._has_more = False  # the last run over all apps was cut short

    def liveness(self, interval_s: float) -> Liveness:
        """Return whether the loop makes progress, if polls are `interval_s` apart."""
        return check_liveness(
            doing=self.activity.doing,
            quiet_s=self.loop.quiet_s(),
            idle_s=self.activity.idle_s(),
            interval_s=interval_s,
        )

    def answer_requests(self) -> None:
        """Answer new requests of other commands, and wake the loop for those that need a run."""
        try:
            if self._requests.answer_new():
                self.loop.wake(REQUEST)
        except HistoryError as error:
            LOG.warning("requests.unreadable", error=str(error))

    def _run(
        self,
        *,
        trigger: str,
        fetch: bool,
        quick: bool,
        should_stop: Callable[[], bool],
        should_yield: Callable[[], bool],
    ) -> RunReport:
        self.activity.begin()
        if RESYNC in trigger:
            engines = self._application.reconciler.engines.by_name().values()
            forget_inspections(engines, self._application.clock)
        # See Note [Syncs of some apps] in requests/request_handler.py.
        with self._requests.serving_syncs(also_of_some_apps=trigger == REQUEST) as asked:
            if not asked.numbers and self._requests.has_waiting():
                self.loop.wake(REQUEST)  # so that this run ends as soon as it only waits
                fetch = not set(trigger.split(",")) <= {REQUEST, EVENT, SCHEDULE}  # the sync itself fetches
            report = self._application.reconciler.run(
                trigger=trigger,
                control=RunControl(
                    progress=self._note_progress,
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
            self.loop.wake(REQUEST)
        if not self._is_partial:
            self._has_more = asked.cut_short
        return report

    def _beating(self, should_stop: Callable[[], bool]) -> Callable[[], bool]:
        """Return the same function.

        A call of it counts as progress while every expected wait is within its deadline.
        """

        def ask() -> bool:
            if self.activity.is_in_time():
                self.loop.beat()
            return should_stop()

        return ask

    def _note_progress(self, event: ProgressEvent) -> None:
        self.loop.beat()
        self.activity.note(event)

    def _report(self, report: RunReport) -> None:
        self.activity.rest()
        self._on_report(report, self._is_partial)
