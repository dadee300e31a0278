"""The metrics of the service for Prometheus: runs, actions, and the state of apps and hosts."""

from collections import Counter as Tally

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gitops_orch.model.status import AppHealth, RunReport, Status, Sync

_RUN_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._runs = _RunMetrics(registry)
        self._state = _StateMetrics(registry)
        self._alive = Gauge("gitops_orch_loop_alive", "0 where the loop has stalled.", registry=registry)

    def record(self, report: RunReport, *, is_partial: bool = False) -> None:
        """Count a run and all its actions.

        A run that was limited to some apps does not update the state of the others.
        """
        self._runs.count(report)
        if not is_partial:
            self._state.show(report.final_status)

    def exposition(self, *, is_alive: bool) -> bytes:
        """Return the text that Prometheus scrapes."""
        self._alive.set(is_alive)
        return generate_latest(self._registry)


class _RunMetrics:
    """What the runs did: these only grow."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Counter(
            "gitops_orch_runs", "Reconciles, by how they ended.", ["status"], registry=registry
        )
        self._run_s = Histogram(
            "gitops_orch_run_duration_seconds",
            "Duration of a reconcile in seconds.",
            buckets=_RUN_BUCKETS_S,
            registry=registry,
        )
        self._actions = Counter(
            "gitops_orch_actions", "Actions, by kind and result.", ["kind", "result"], registry=registry
        )
        self._reverts = Counter(
            "gitops_orch_reverts",
            "Reverts of failed releases in Git, by whether they were pushed.",
            ["result"],
            registry=registry,
        )
        self._finished = Gauge(
            "gitops_orch_last_run_timestamp_seconds", "When the last reconcile began.", registry=registry
        )

    def count(self, report: RunReport) -> None:
        """Count a run and all its actions."""
        self._runs.labels(report.status).inc()
        self._run_s.observe(report.duration_ms / 1000)
        self._finished.set(report.started_at.timestamp())
        for result in report.results:
            self._actions.labels(result.action.kind.value, result.outcome.value).inc()
        for news in report.reverts:
            self._reverts.labels("pushed" if news.pushed else "not-pushed").inc()


class _StateMetrics:
    """How the apps and hosts are since the last run over all of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._fetched = Gauge(
            "gitops_orch_last_fetch_timestamp_seconds", "When the remote last answered.", registry=registry
        )
        labels = ["namespace", "app"]
        self._synced = Gauge(
            "gitops_orch_app_in_sync", "1 where an app is what Git wants.", labels, registry=registry
        )
        self._healthy = Gauge(
            "gitops_orch_app_healthy", "1 where an app is healthy.", labels, registry=registry
        )
        self._stopped = Gauge(
            "gitops_orch_app_healing_stopped",
            "How much of an app is left alone because healing it did not help.",
            labels,
            registry=registry,
        )
        self._runs_failed = Gauge(
            "gitops_orch_scheduled_run_failed",
            "1 where the last scheduled run of a service failed.",
            [*labels, "service"],
            registry=registry,
        )
        self._hosts = Gauge("gitops_orch_host_up", "1 where a host answered.", ["host"], registry=registry)
        self._problems = Gauge("gitops_orch_problems", "Mistakes in the commit.", registry=registry)

    def show(self, status: Status) -> None:
        """Show the state that a run over all apps found."""
        for gauge in (self._synced, self._healthy, self._stopped, self._hosts):
            gauge.clear()
        stopped = Tally(hold.app for hold in status.plan.holds if hold.stopped)
        for app in status.apps:
            self._synced.labels(app.key.namespace, app.key.name).set(app.sync is Sync.IN_SYNC)
            self._healthy.labels(app.key.namespace, app.key.name).set(app.health is AppHealth.HEALTHY)
            self._stopped.labels(app.key.namespace, app.key.name).set(stopped[app.key])
        self._runs_failed.clear()
        for app in status.apps:
            for service in app.services:
                if service.failed_run:
                    self._runs_failed.labels(app.key.namespace, app.key.name, service.name).set(1)
        for host in status.hosts:
            self._hosts.labels(host.name).set(host.state != "unknown")
        self._problems.set(len(status.problems))
        if status.fetched_at:
            self._fetched.set(status.fetched_at.timestamp())
