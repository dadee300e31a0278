"""Tells people about trouble, once per change and never in the way: a failure to notify stops nothing.

Note [An outbox].  A service that takes notifications may hang or be down for hours.  What is to be told waits in an
outbox with a thread of its own, one message per subject, because only the latest state of a thing is news.
"""

import threading
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Protocol

import structlog

from gitops_orch.errors import SettingsError
from gitops_orch.redaction import redact

TITLE = "gitops-orch"
URLS_MAX = 100
URLS_FILE_BYTES_MAX = 100_000
SUBJECTS_MAX = 10_000
RETRY_FIRST_S = 5.0
RETRY_MAX_S = 300.0
CLOSE_WAIT_S = 2.0

_log = structlog.get_logger()


class Notifier(Protocol):
    """A way to tell people."""

    def deliver(self, subject: str, message: str) -> bool:
        """Deliver a message about a subject and return whether that worked; raises nothing."""
        ...


class LogNotifier:
    """Writes every message to the log."""

    def deliver(self, subject: str, message: str) -> bool:
        """Log the message as a warning."""
        _log.warning("notification.raised", subject=subject, message=message)
        return True


class AppriseNotifier:
    """Delivers messages to the services that Apprise URLs name."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        import apprise  # dozens of plug-ins, loaded only where somebody wants to be told

        self._apprise = apprise.Apprise()
        for number, url in enumerate(urls, 1):
            if not self._apprise.add(url):
                raise SettingsError(f"the notification URL on line {number} is none that Apprise knows")

    def deliver(self, subject: str, message: str) -> bool:
        """Deliver to every service."""
        try:
            return bool(self._apprise.notify(title=f"{TITLE}: {redact(subject)}", body=redact(message)))
        except Exception as error:  # noqa: BLE001  plug-ins raise what they like, and none of it may stop a run
            _log.warning("notifier.failed", subject=subject, error=type(error).__name__)
            return False


class Outbox:
    """Passes news on from a thread of its own, and tries again until it is taken; drops the oldest beyond a limit."""

    def __init__(self, notifier: Notifier, *, retry_s: float = RETRY_FIRST_S) -> None:
        self._notifier = notifier
        self._retry_s = retry_s
        self._pending: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._condition = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
        self._thread.start()

    def deliver_by(self, notifier: Notifier) -> None:
        """Use another notifier from now on."""
        self._notifier = notifier

    def tell(self, subject: str, message: str) -> None:
        """Tell it, unless it is what was told last about that subject."""
        with self._condition:
            if self._told.get(subject) == message:
                return
            for kept in (self._told, self._pending):
                kept.pop(subject, None)
                if len(kept) >= SUBJECTS_MAX:
                    del kept[next(iter(kept))]
                kept[subject] = message
            self._condition.notify()

    def settle(self, troubled: AbstractSet[str]) -> None:
        """Tell of every subject that was in trouble and is no longer."""
        with self._condition:
            well = sorted(self._told.keys() - troubled)
        for subject in well:
            self.tell(subject, "well again")
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
            if self._notifier.deliver(*news):
                pause_s = self._retry_s
                continue
            self._put_back(*news)
            _log.warning("notification.failed", subject=news[0], tried_again_in_s=pause_s)
            if self._closing.wait(pause_s):
                return
            pause_s = min(RETRY_MAX_S, pause_s * 2)

    def _next(self) -> tuple[str, str] | None:
        with self._condition:
            self._condition.wait_for(lambda: self._pending or self._closing.is_set())
            if not self._pending:
                return None
            subject = next(iter(self._pending))
            return subject, self._pending.pop(subject)

    def _put_back(self, subject: str, message: str) -> None:
        with self._condition:
            self._pending.setdefault(subject, message)  # something newer about it wins


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
