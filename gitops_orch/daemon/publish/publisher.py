"""Publishes each run to people and machines: as metrics, as notices, and as the status that systemd shows."""

from gitops_orch.daemon.application import Application
from gitops_orch.daemon.publish.alerts import send_alerts, send_revert_alerts
from gitops_orch.daemon.publish.metrics import Metrics
from gitops_orch.daemon.publish.systemd import Systemd
from gitops_orch.model.status import RunReport
from gitops_orch.notify import Outbox

SHORT_COMMIT_CHARS = 10


class Publisher:
    """Publishes the runs of a service."""

    def __init__(self, application: Application, outbox: Outbox) -> None:
        self.outbox = outbox
        self.metrics = Metrics()
        self.systemd = Systemd()
        self._application = application

    def publish(self, report: RunReport, *, is_partial: bool) -> None:
        """Publish a run. `is_partial`: it was limited to some apps."""
        self.metrics.record(report, is_partial=is_partial)
        # The next run over all apps reports all other news, also of apps that this run did not cover.
        if is_partial:
            send_revert_alerts(self.outbox, report, self._describe)
            return
        self.systemd.status(f"{report.status} at {report.final_status.commit[:10] or 'no commit yet'}")
        send_alerts(self.outbox, report, self._describe, self._application.history.troubles())

    def _describe(self, commit: str) -> str:
        info = self._application.repository.commit_info(commit)
        short = commit[:SHORT_COMMIT_CHARS]
        return short if info is None else f"{short} {info.subject} ({info.author})"
