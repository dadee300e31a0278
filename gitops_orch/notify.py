"""Tells people about trouble, once per change and never in the way: a failure to notify stops nothing.

Note [An outbox].  A service that takes notifications may hang or be down for hours.  What is to be told waits in an
outbox with a thread of its own, one message per subject, because only the latest state of a thing is news.
"""

import logging
import threading
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import structlog

from gitops_orch.errors import SettingsError
from gitops_orch.printable import printable
from gitops_orch.redaction import redact

TITLE = "gitops-orch"
URLS_MAX = 100
URLS_FILE_BYTES_MAX = 100_000
SUBJECTS_MAX = 10_000
RETRY_FIRST_S = 5.0
RETRY_MAX_S = 300.0
CLOSE_WAIT_S = 2.0
RECOVERED = "recovered"

_log = structlog.get_logger()


class NoticeKind(Enum):
    """How bad it is, in Apprise's words."""

    FAILURE = "failure"
    WARNING = "warning"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message about a subject: an app, a host, or the controller.

    `details` are lines of facts below the message.  They are no news by themselves: a notice whose message and kind were
    delivered before is not delivered again.
    """

    subject: str
    message: str
    kind: NoticeKind = NoticeKind.FAILURE
    details: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return the message and its details, one a line, without credentials."""
        return redact("\n".join((self.message, *self.details)))


class Notifier(Protocol):
    """A way to tell people."""

    def deliver(self, notice: Notice) -> bool:
        """Deliver a notice and return whether that worked; raises nothing."""
        ...


class LogNotifier:
    """Writes every notice to the log."""

    def deliver(self, notice: Notice) -> bool:
        """Log the notice: a success as information, all else as a warning."""
        level = logging.INFO if notice.kind is NoticeKind.SUCCESS else logging.WARNING
        _log.log(
            level,
            "notification.raised",
            subject=notice.subject,
            kind=notice.kind.value,
            message=notice.message,
            details=list(notice.details),
        )
        return True


class AppriseNotifier:
    """Delivers notices to the services that Apprise URLs name."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        import apprise  # dozens of plug-ins, loaded only where somebody wants to be told

        self._services: list[Any] = []
        self._taken: dict[
            str, tuple[Notice, set[int]]
        ] = {}  # by subject, where not all services took the notice
        for number, url in enumerate(urls, 1):
            service = apprise.Apprise.instantiate(url)
            if service is None:
                raise SettingsError(f"the notification URL on line {number} is none that Apprise knows")
            self._services.append(service)

    def deliver(self, notice: Notice) -> bool:
        """Deliver to every service, and return whether all of them took it.

        Tried again, the same notice goes only to those that did not: a broken URL must not repeat it for the others.
        """
        before, taken = self._taken.pop(notice.subject, (notice, set()))
        if before != notice:
            taken = set()
        for number, service in enumerate(self._services, 1):
            if number not in taken and self._send(service, notice):
                taken.add(number)
        if len(taken) < len(self._services):
            self._taken[notice.subject] = (notice, taken)
        return len(taken) == len(self._services)

    def deliver_each(self, notice: Notice) -> dict[int, bool]:
        """Deliver to every service; return for each URL, counted from 1, whether its service took the notice."""
        return {number: self._send(service, notice) for number, service in enumerate(self._services, 1)}

    def _send(self, service: Any, notice: Notice) -> bool:
        title = f"{TITLE}: {redact(notice.subject)}"
        try:
            return bool(
                service.notify(
                    title=printable(title), body=printable(notice.text), notify_type=notice.kind.value
                )
            )
        except Exception as error:  # noqa: BLE001  plug-ins raise what they like, and none of it may stop a run
            _log.warning("notifier.failed", subject=notice.subject, error=type(error).__name__)
            return False


class Outbox:
    """Passes news on from a thread of its own, and tries again until it is taken; drops the oldest beyond a limit."""

    def __init__(self, notifier: Notifier, *, retry_s: float = RETRY_FIRST_S) -> None:
        self._notifier = notifier
        self._retry_s = retry_s
        self._pending: dict[str, Notice] = {}
        self._told: dict[str, Notice] = {}
        self._condition = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
        self._thread.start()

    def deliver_by(self, notifier: Notifier) -> None:
        """Use another notifier from now on."""
        self._notifier = notifier

    def tell(self, notice: Notice) -> None:
        """Deliver a notice, unless it is what was delivered last about its subject."""
        with self._condition:
            last = self._told.get(notice.subject)
            if last is not None and (last.message, last.kind) == (notice.message, notice.kind):
                return
            for kept in (self._told, self._pending):
                kept.pop(notice.subject, None)
                if len(kept) >= SUBJECTS_MAX:
                    del kept[next(iter(kept))]
                kept[notice.subject] = notice
            self._condition.notify()

    def settle(self, troubled: AbstractSet[str]) -> None:
        """Tell of every subject that was in trouble and is no longer."""
        with self._condition:
            recovered = sorted(self._told.keys() - troubled)
            before = {subject: self._told[subject].message for subject in recovered}
        for subject in recovered:
            was = f"it was: {before[subject]}"
            self.tell(Notice(subject=subject, message=RECOVERED, kind=NoticeKind.SUCCESS, details=(was,)))
            with self._condition:
                del self._told[subject]

    def close(self) -> None:
        """Stop; what was not taken within a moment is lost."""
        self._closing.set()
        with self._condition:
            self._condition.notify()
        self._thread.join(CLOSE_WAIT_S)

    def _work(self) -> None:
        pause_s = self._retry_s
        while (news := self._next()) is not None:
            if self._notifier.deliver(news):
                pause_s = self._retry_s
                continue
            self._put_back(news)
            _log.warning("notification.failed", subject=news.subject, tried_again_in_s=pause_s)
            if self._closing.wait(pause_s):
                return
            pause_s = min(RETRY_MAX_S, pause_s * 2)

    def _next(self) -> Notice | None:
        with self._condition:
            self._condition.wait_for(lambda: self._pending or self._closing.is_set())
            if not self._pending:
                return None
            return self._pending.pop(next(iter(self._pending)))

    def _put_back(self, notice: Notice) -> None:
        with self._condition:
            self._pending.setdefault(notice.subject, notice)  # something newer about it wins


def make_notifier(urls_file: Path | None) -> Notifier:
    """Return a notifier for the URLs of a file, one a line with `#` comments; SettingsError where it cannot be read."""
    if urls_file is None:
        return LogNotifier()
    try:
        with urls_file.open() as stream:
            text = stream.read(URLS_FILE_BYTES_MAX)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the file of notification URLs {urls_file} cannot be read: {error}",
            hint="correct notify.urls_file, or remove it",
        ) from error
    lines = (line.strip() for line in text.splitlines())
    return AppriseNotifier(tuple(line for line in lines if line and not line.startswith("#"))[:URLS_MAX])
