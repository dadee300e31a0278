"""Tells people about trouble, once per change and never in the way: a failure to notify stops nothing.

Note [An outbox].  A service that takes notifications may hang or be down for hours.  What is to be told waits in a queue
for each service, with a thread of its own, one message per subject, because only the latest state of a thing is news.
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
AGE_MAX_S = 24 * 3600.0  # of a notice that a service refuses
CLOSE_WAIT_S = 2.0
RECOVERED = "recovered"


class NoticeKind(Enum):
    """How bad it is, in Apprise's words."""

    FAILURE = "failure"
    WARNING = "warning"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message about a subject: an app, a host, or the controller.

    `details` are lines of facts below the message.  They are no news by themselves: a notice whose message and kind were
    delivered before is not delivered again, and neither is one that differs only in what a check printed (`steady`).  Its
    end is told when the subject was out of trouble for `calm_s`.
    """

    subject: str
    message: str
    kind: NoticeKind = NoticeKind.FAILURE
    details: tuple[str, ...] = ()
    calm_s: float = 0.0

    @property
    def text(self) -> str:
        """Return the message and its details, one a line, without credentials."""
        return redact("\n".join((self.message, *self.details)))


class Receiver(Protocol):
    """A way to tell people."""

    def deliver(self, notice: Notice) -> bool:
        """Deliver a notice and return whether that worked; raises nothing."""
        ...


class LogReceiver:
    """Writes every notice to the log."""

    def deliver(self, notice: Notice) -> bool:
        """Log the notice: a success as information, all else as a warning."""
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
        """Read the URL; SettingsError, which names its line and not the URL, where Apprise knows no such service."""
        import apprise  # dozens of plug-ins, loaded only where somebody wants to be told

        self._service: Any = apprise.Apprise.instantiate(url)
        if self._service is None:
            raise SettingsError(f"the notification URL on line {line} is none that Apprise knows")

    def deliver(self, notice: Notice) -> bool:
        """Deliver a notice and return whether the service took it."""
        title = f"{TITLE}: {redact(notice.subject)}"
        try:
            return bool(
                self._service.notify(
                    title=printable(title), body=printable(notice.text), notify_type=notice.kind.value
                )
            )
        except Exception as error:  # noqa: BLE001  plug-ins raise what they like, and none of it may stop a run
            LOG.warning("notifier.failed", subject=notice.subject, error=type(error).__name__)
            return False


class _Queue:
    """What one receiver is still to get, and the thread that delivers it: a receiver that is down delays no other.

    The latest notice of each subject waits, and the oldest goes first.  One that is refused goes to the end, and is
    dropped when it was refused for `AGE_MAX_S`.
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
        """Ask the thread to end with the delivery that is under way."""
        self._closing.set()
        with self._condition:
            self._condition.notify()

    def left(self, wait_s: float) -> Mapping[str, Notice]:
        """Return what was not delivered, once the thread has ended, or after `wait_s`."""
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
            self._pending.setdefault(notice.subject, notice)  # something newer about it wins
            self._refused_since = {
                each: at for each, at in self._refused_since.items() if each in self._pending.values()
            }


class NoticeLog(Protocol):
    """Remembers over restarts what was told about which subject: the kind and the message."""

    def notices(self) -> Mapping[str, tuple[str, str]]:
        """Return the kind and the message by subject."""
        ...

    def note_notice(self, subject: str, kind: str, message: str) -> None:
        """Remember what was told last about a subject; HistoryError."""
        ...

    def forget_notice(self, subject: str) -> None:
        """Forget a subject; HistoryError."""
        ...


class Outbox:
    """Passes news on to each receiver, and tries again until it is taken."""

    def __init__(
        self,
        receivers: Sequence[Receiver],
        ledger: NoticeLog | None = None,
        *,
        retry_s: float = RETRY_FIRST_S,
    ) -> None:
        """Begin where the `ledger` says that another process ended; None: nothing is remembered."""
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
        """Use other receivers from now on; the first gets what the first one has not got, and so on."""
        with self._lock:
            for queue in self._queues:
                queue.end()
            left = [queue.left(CLOSE_WAIT_S) for queue in self._queues]
            self._queues = self._open(receivers, [*left, *({} for _ in receivers)])

    def send(self, notice: Notice) -> None:
        """Deliver a notice, unless it is what was delivered last about its subject."""
        with self._lock:
            last = self._reported.pop(notice.subject, None)
            self._reported[notice.subject] = notice
            if len(self._reported) > SUBJECTS_MAX:
                del self._reported[next(iter(self._reported))]
            if last is None or _news(last) != _news(notice):
                for queue in self._queues:
                    queue.add(notice)

    def settle(self, troubled: AbstractSet[str]) -> None:
        """Tell of every subject that was in trouble and is no longer."""
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
        """Remember what a receiver took: what none took before this process ends is told by the next one."""
        if self._ledger is None:
            return
        try:
            if notice.message == RECOVERED:
                self._ledger.forget_notice(notice.subject)
            else:
                self._ledger.note_notice(notice.subject, notice.kind.value, redact(notice.message))
        except HistoryError as error:
            LOG.warning("notification.not_recorded", subject=notice.subject, error=str(error))

    def close(self) -> None:
        """Stop; what was not taken within a moment is lost."""
        for queue in self._queues:
            queue.end()
        end_s = time.monotonic() + CLOSE_WAIT_S
        for queue in self._queues:
            queue.left(max(0.0, end_s - time.monotonic()))


def _news(notice: Notice) -> tuple[str, NoticeKind]:
    """Return what two notices have in common that are the same news."""
    return steady(redact(notice.message)), notice.kind


def _recalled(ledger: NoticeLog | None) -> dict[str, Notice]:
    if ledger is None:
        return {}
    return {
        subject: Notice(subject=subject, message=message, kind=NoticeKind(kind))
        for subject, (kind, message) in ledger.notices().items()
    }


def make_receivers(urls_file: Path | None) -> tuple[Receiver, ...]:
    """Return a receiver for each URL of a file, one a line with `#` comments; without a file, the log.

    SettingsError where the file cannot be read, or holds a line that is no such URL.
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
