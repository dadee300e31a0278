"""Formats and writes log lines to stderr: JSON for machines, colours for people. Logging never blocks the program.

The names of events are `noun.verb`, and facts are keys. A line that cannot be written is dropped, because losing a line
is better than stopping the service (the journal may be stopped, the disk full, the reader of a pipe ended).
"""

import atexit
import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gitops_orch.printable import printable
from gitops_orch.redaction import redact, redact_value

# A local variable in a stack trace may contain a token.
_without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
LINES_MAX = 10_000
DRAIN_MAX_S = 1.0
DRAIN_POLL_S = 0.01
FIRST_KEYS = ("event", "level", "at")


_streams: "list[ForgivingStream]" = []  # all streams that this process logs to


class ForgivingStream:
    """A stream with its own writing thread; lines that it accepts too slowly, or not at all, are dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._write = _writer(stream)
        self._lines: queue.Queue[str] = queue.Queue(LINES_MAX)
        threading.Thread(target=self._work, name="log", daemon=True).start()
        _streams.append(self)

    def write(self, text: str) -> int:
        """Queue the text, and return at once."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: every line is flushed when it is written."""

    def drain(self) -> None:
        """Wait, at most DRAIN_MAX_S, until all queued lines are written."""
        until_s = time.monotonic() + DRAIN_MAX_S
        while self._lines.unfinished_tasks and time.monotonic() < until_s:
            time.sleep(DRAIN_POLL_S)

    def _work(self) -> None:
        while True:
            text = self._lines.get()
            with contextlib.suppress(OSError, ValueError):  # ValueError: the stream is closed
                self._write(text)
            self._lines.task_done()


def drain_logs() -> None:
    """Wait, at most DRAIN_MAX_S for each stream, until the log is written; called last before a process ends."""
    for stream in _streams:
        stream.drain()


atexit.register(drain_logs)


def _writer(stream: TextIO) -> Callable[[str], None]:
    """Return a function that writes a text at once.

    It writes to a file's descriptor and not through Python's buffers. A thread that hangs in a buffer holds the
    buffer's lock. At its end, the interpreter flushes all buffers, and would wait for that lock for ever.
    """
    try:
        number = os.dup(stream.fileno())
    except (OSError, ValueError):  # the stream has no file descriptor

        def write(text: str) -> None:
            stream.write(text)
            stream.flush()

        return write
    return partial(_write_all, number)


def _write_all(number: int, text: str) -> None:
    left = text.encode(errors="backslashreplace")
    while left:
        left = left[os.write(number, left) :]


def _presentable(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Return the entry without credentials, and with its keys in a fixed order: the event first."""
    return {
        key: redact_value(event[key])
        for key in (*FIRST_KEYS, *sorted(event.keys() - set(FIRST_KEYS)))
        if key in event
    }


def _console(stream: TextIO) -> Processor:
    """Return a renderer for people, which also redacts the text of an exception."""
    render = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return lambda logger, name, event: redact(render(logger, name, _escaped(event)))


def _escaped(event: EventDict) -> EventDict:
    """Return the entry with control characters escaped, because a terminal would execute them."""
    return {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}


def open_output(*, format_name: str, level: int) -> None:
    """Configure structlog to write entries of `level` or above to stderr, in a format of `configure_logs`."""
    stream = sys.stderr
    colours = format_name == "console" or (format_name == "auto" and stream.isatty())
    renderer: list[Processor] = (
        [_presentable, _console(stream)]
        if colours
        else [
            structlog.processors.ExceptionRenderer(_without_locals),
            _presentable,
            structlog.processors.JSONRenderer(default=str),
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            *renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=ForgivingStream(stream)),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
