"""Provides the log of this process, at no cost until the first entry.

Importing the library that formats and writes the lines takes a third of a short command's time, and a short command
logs nothing. So this module stores the configuration, and opens the output (log_output.py) for the first logged entry.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Final

LEVEL_VARIABLE = "GITOPS_ORCH_LOG__LEVEL"
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_waiting: "tuple[str, int] | None" = None  # format and level of the output; None once it is open
_muted: frozenset[str] = frozenset()  # events that this process reports in another way


class Log:
    """Logs entries: an event named `noun.verb`, and facts by key."""

    def debug(self, event: str, **facts: object) -> None:
        """Log a fact that helps to find a mistake in this program."""
        self.log(logging.DEBUG, event, **facts)

    def info(self, event: str, **facts: object) -> None:
        """Log an event."""
        self.log(logging.INFO, event, **facts)

    def warning(self, event: str, **facts: object) -> None:
        """Log an event that needs attention."""
        self.log(logging.WARNING, event, **facts)

    def error(self, event: str, **facts: object) -> None:
        """Log a failure."""
        self.log(logging.ERROR, event, **facts)

    def exception(self, event: str, **facts: object) -> None:
        """Log a failure, with the exception that is being handled."""
        self.log(logging.ERROR, event, **{"exc_info": True, **facts})

    def log(self, level: int, event: str, **facts: object) -> None:
        """Log at a level of the standard library's `logging`."""
        if event in _muted:
            return
        if _waiting is None or level >= _waiting[1]:
            _open()
            import structlog

            structlog.get_logger().log(level, event, **facts)


LOG: Final = Log()


class LibraryLog(logging.Handler):
    """Writes the messages of libraries to our log, in its format."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one message."""
        LOG.log(record.levelno, "library.logged", library=record.name, said=record.getMessage())


def early_level(environ: Mapping[str, str]) -> str:
    """Return the log level before the settings are read: from the environment, else `warning`."""
    level = environ.get(LEVEL_VARIABLE, "").lower()
    return level if level in LEVELS else "warning"


def configure_logs(*, format_name: str, level: str, muted: frozenset[str] = frozenset()) -> None:
    """Log entries of `level` or above to stderr, except the events in `muted`.

    The format `auto` means colours on a terminal, else JSON.
    """
    global _waiting, _muted  # noqa: PLW0603  a process has one log
    _muted = muted
    logging.basicConfig(handlers=[LibraryLog()], level=LEVELS["error"], force=True)
    _waiting = (format_name, LEVELS[level])
    if "structlog" in sys.modules:  # the library is imported already
        _open()


def _open() -> None:
    """Open the output as configured, unless it is open."""
    global _waiting  # noqa: PLW0603  a process has one log
    if _waiting is not None:
        from gitops_orch.log_output import open_output

        format_name, level = _waiting
        open_output(format_name=format_name, level=level)
        _waiting = None
