"""Sends notices to people, once for each change. A failure to notify stops nothing else.

Note [An outbox]. A notification service may hang or be unavailable for hours. So notices wait in one queue for each
service, with a separate thread. A queue has one notice for each subject, because only the latest state is of interest.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from gitops_orch.errors import HistoryError, SettingsError
from gitops_orch.logs import LOG
from gitops_orch.model.display.same_reason import steady
from gitops_orch.printable import printable
from gitops_orch.redaction import redact

TITLE = "gitops-orch"
URLS_MAX = 100
URLS_FILE_BYTES_MAX = 100_000
SUBJECTS_MAX = 10_000
RETRY_FIRST_S = 5.0
RETRY_MAX_S = 300.0
AGE_MAX_S = 24 * 3600.0  # the maximum age of a notice that a service refuses
CLOSE_WAIT_S = 2.0
RECOVERED = "recovered"


class NoticeKind(Enum):
    """The severity, in Apprise's words."""

    FAILURE = "failure"
    WARNING = "warning"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message about a subject: an app, a host, or the controller.

    `details` are lines of facts below the message. A change of details is no reason for a new delivery: a notice is not
    delivered again if its message and kind were delivered before, or if only the output of a check differs (`steady`).
    The recovery is reported after the subject was without trouble for `calm_s`.
    """

    subject: str
    message: str
    kind: NoticeKind = NoticeKind.FAILURE
    details: tuple[str, ...] = ()
    calm_s: float = 0.0

    @property
    def text(self) -> str:
        """Return the message and its details, one on each line, without credentials."""
        return redact("\n".join((self.message, *self.details)))


class Receiver(Protocol):
    """A destination of notices."""

    def deliver(self, notice: Notice) -> bool:
        """Deliver a notice and return whether that succeeded; never raise."""
        ...


class LogReceiver:
    """Writes every notice to the log."""

    def deliver(self, notice: Notice) -> bool:
        """Log the notice: a success at level info, everything else at level warning."""
        level = logging.INFO if notice.kind is NoticeKind.SUCCESS else logging.WARNING
        LOG.log(
            level,
            "notification.raised",
            subject=notice.subject,
            kind=notice.kind.value,
            message=notice.message,
            details=list(notice.details),
        )
        return True


class AppriseReceiver:
    """Delivers notices to the service that an Apprise URL names."""

    def __init__(self, url: str, *, line: int) -> None:
        """Parse the URL; SettingsError if Apprise does not know the service. It names the line, not the URL."""
        import apprise  # it has dozens of plug-ins, so it is imported only if notices are configured

        self._service: Any = apprise.Apprise.instantiate(url)
        if self._service is None:
            raise SettingsError(f"the notification URL on line {line} is none that Apprise knows")

    def deliver(self, notice: Notice) -> bool:
        """Deliver a notice and return whether the service accepted it."""
        title = f"{TITLE}: {redact(notice.subject)}"
        try:
            return bool(
                self._service.notify(
                    title=printable(title), body=printable(notice.text), notify_type=notice.kind.value
                )
            )
        except Exception as error:  # noqa: BLE001  plug-ins raise any exception, and none may stop a run
            LOG.warning("notifier.failed", subject=notice.subject, error=type(error).__name__)
            return False


class _Queue:
    """The undelivered notices of one receiver, and the thread that delivers them; no receiver delays another.

    The queue has the latest notice of each subject, and the oldest is delivered first. A refused notice moves to the
    end, and is dropped after it was refused for `AGE_MAX_S`.
    """

    def __init__(
        self,
        receiver: Receiver,
        number: int,
        *,
        retry_s: float,
        waiting: Mapping[str, Notice],
        on_taken: Callable[[Notice], None],
    ) -> None:
        self._receiver = receiver
        self._number = number
        self._retry_s = retry_s
        self._on_taken = on_taken
        self._pending = dict(waiting)
        self._refused_since: dict[Notice, float] = {}
        self._condition = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"notify {number}", daemon=True)
        self._thread.start()

    def add(self, notice: Notice) -> None:
        with self._condition:
            self._pending.pop(notice.subject, None)
            self._pending[notice.subject] = notice
            if len(self._pending) > SUBJECTS_MAX:
                del self._pending[next(iter(self._pending))]
            self._condition.notify()

    def end(self) -> None:
        """Ask the thread to end after its current delivery."""
        self._closing.set()
        with self._condition:
            self._condition.notify()

    def left(self, wait_s: float) -> Mapping[str, Notice]:
        """Return the undelivered notices when the thread has ended, or after `wait_s`."""
        self._thread.join(wait_s)
        with self._condition:
            return dict(self._pending)

    def _work(self) -> None:
        pause_s = self._retry_s
        while (notice := self._next()) is not None:
            if self._receiver.deliver(notice):
                self._on_taken(notice)
                pause_s = self._retry_s
                self._refused_since.pop(notice, None)
                continue
            self._put_back(notice, pause_s)
            if self._closing.wait(pause_s):
                return
            pause_s = min(RETRY_MAX_S, pause_s * 2)

    def _next(self) -> Notice | None:
        with self._condition:
            self._condition.wait_for(lambda: self._pending or self._closing.is_set())
            if not self._pending:
                return None
            return self._pending.pop(next(iter(self._pending)))

    def _put_back(self, notice: Notice, pause_s: float) -> None:
        since = self._refused_since.setdefault(notice, time.monotonic())
        tried = {"subject": notice.subject, "url": self._number}
        if time.monotonic() - since > AGE_MAX_S:
            del self._refused_since[notice]
            LOG.error("notification.dropped", **tried, refused_for_s=int(AGE_MAX_S))
            return
        LOG.warning("notification.failed", **tried, tried_again_in_s=pause_s)
        with self._condition:
            self._pending.setdefault(notice.subject, notice)  # a newer notice of the subject has precedence
            self._refused_since = {
                each: at for each, at in self._refused_since.items() if each in self._pending.values()
            }


class NoticeLog(Protocol):
    """Stores the last notice of each subject (kind and message) across restarts."""

    def notices(self) -> Mapping[str, tuple[str, str]]:
        """Return the kind and the message by subject."""
        ...

    def note_notice(self, subject: str, kind: str, message: str) -> None:
        """Store the last notice of a subject; HistoryError on failure."""
        ...

    def forget_notice(self, subject: str) -> None:
        """Delete the notice of a subject; HistoryError on failure."""
        ...


class Outbox:
    """Delivers each new notice to all receivers, and retries until they accept it."""

    def __init__(
        self,
        receivers: Sequence[Receiver],
        ledger: NoticeLog | None = None,
        *,
        retry_s: float = RETRY_FIRST_S,
    ) -> None:
        """Continue with the notices that an earlier process stored in `ledger`; None: nothing is stored."""
        self._retry_s = retry_s
        self._ledger = ledger
        self._reported = _recalled(ledger)
        self._calm_since: dict[str, float] = {}
        self._lock = threading.Lock()
        self._queues = self._open(receivers, [{} for _ in receivers])

    def _open(self, receivers: Sequence[Receiver], waiting: Sequence[Mapping[str, Notice]]) -> list[_Queue]:
        return [
            _Queue(each, number, retry_s=self._retry_s, waiting=left, on_taken=self._note)
            for number, (each, left) in enumerate(zip(receivers, waiting, strict=False), 1)
        ]

    def deliver_to(self, receivers: Sequence[Receiver]) -> None:
        """Use other receivers from now on; each gets the undelivered notices of the former one at its position."""
        with self._lock:
            for queue in self._queues:
                queue.end()
            left = [queue.left(CLOSE_WAIT_S) for queue in self._queues]
            self._queues = self._open(receivers, [*left, *({} for _ in receivers)])

    def send(self, notice: Notice) -> None:
        """Deliver a notice, unless it equals the last one of its subject."""
        with self._lock:
            last = self._reported.pop(notice.subject, None)
            self._reported[notice.subject] = notice
            if len(self._reported) > SUBJECTS_MAX:
                del self._reported[next(iter(self._reported))]
            if last is None or _news(last) != _news(notice):
                for queue in self._queues:
                    queue.add(notice)

    def settle(self, troubled: AbstractSet[str]) -> None:
        """Report the recovery of every subject that was in trouble and is not in `troubled` any more."""
        now = time.monotonic()
        with self._lock:
            calm = self._reported.keys() - troubled
            self._calm_since = {subject: self._calm_since.get(subject, now) for subject in calm}
            recovered = [self._reported[each] for each in sorted(calm) if self._is_over(each, now)]
        for before in recovered:
            was = f"it was: {before.message}"
            self.send(
                Notice(subject=before.subject, message=RECOVERED, kind=NoticeKind.SUCCESS, details=(was,))
            )
            with self._lock:
                del self._reported[before.subject], self._calm_since[before.subject]

    def _is_over(self, subject: str, now: float) -> bool:
        return now - self._calm_since[subject] >= self._reported[subject].calm_s

    def _note(self, notice: Notice) -> None:
        """Store an accepted notice; a notice that no receiver accepted is sent again by the next process."""
        if self._ledger is None:
            return
        try:
            if notice.kind is NoticeKind.SUCCESS:  # the trouble is over
                self._ledger.forget_notice(notice.subject)
            else:
                self._ledger.note_notice(notice.subject, notice.kind.value, redact(notice.message))
        except HistoryError as error:
            LOG.warning("notification.not_recorded", subject=notice.subject, error=str(error))

    def close(self) -> None:
        """Stop; notices that are not delivered within CLOSE_WAIT_S are lost."""
        for queue in self._queues:
            queue.end()
        end_s = time.monotonic() + CLOSE_WAIT_S
        for queue in self._queues:
            queue.left(max(0.0, end_s - time.monotonic()))


def _news(notice: Notice) -> tuple[str, NoticeKind]:
    """Return a key that is equal for two notices with the same content."""
    return steady(redact(notice.message)), notice.kind


def _recalled(ledger: NoticeLog | None) -> dict[str, Notice]:
    if ledger is None:
        return {}
    return {
        subject: Notice(subject=subject, message=message, kind=NoticeKind(kind))
        for subject, (kind, message) in ledger.notices().items()
    }


def make_receivers(urls_file: Path | None) -> tuple[Receiver, ...]:
    """Return a receiver for each URL of a file (one on each line, with `#` comments); without a file, the log.

    SettingsError if the file cannot be read, or if a line is no valid URL.
    """
    if urls_file is None:
        return (LogReceiver(),)
    try:
        with urls_file.open() as stream:
            text = stream.read(URLS_FILE_BYTES_MAX)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the file of notification URLs {urls_file} cannot be read: {error}",
            hint="correct notify.urls_file, or remove it",
        ) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    urls = [(number, line) for number, line in lines if line and not line.startswith("#")]
    return tuple(AppriseReceiver(line, line=number) for number, line in urls[:URLS_MAX])
