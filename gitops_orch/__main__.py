"""Starts the command line for `gitops-orch` and `python -m gitops_orch`, and passes it the service's HTTP server."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from gitops_orch.cli.main import main as run_command_line
from gitops_orch.daemon.service_view import ServiceView

# Imports create many objects that live as long as the process. With Python's own threshold of 700 new objects, the
# garbage collector walks them again and again, which takes a tenth of a short command's time.
NEW_OBJECTS_MAX = 10_000


def main() -> NoReturn:
    """Run the command line and exit with its exit code."""
    gc.set_threshold(NEW_OBJECTS_MAX)
    _end(run_command_line(serve_http=_serve_http))


def _end(code: int) -> NoReturn:
    """End this process at once, after its output and log are written.

    Python's normal exit would wait for threads that still wait for a silent host. Then it would destroy all objects,
    which takes one sixth of a short command's time. Everything that must be closed is closed already.
    """
    if "gitops_orch.log_output" in sys.modules:  # otherwise nothing was logged
        from gitops_orch.log_output import drain_logs

        drain_logs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the reader ended, or the stream is closed
            stream.flush()
    os._exit(code)


@contextmanager
def _serve_http(view: ServiceView, listen: str) -> Iterator[str | None]:
    from gitops_orch.api.server import serve_http  # a web framework that only the service needs

    with serve_http(view, listen) as address:
        yield address


if __name__ == "__main__":
    main()
