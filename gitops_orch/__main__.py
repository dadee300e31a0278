"""`gitops-orch` and `python -m gitops_orch`: the command line, given the HTTP server that its service shows itself by."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gitops_orch.cli.main import main as run_command_line
from gitops_orch.daemon.http import ServiceView


def main() -> None:
    """Run the command line of this process and exit with its code."""
    sys.exit(run_command_line(serve_http=_serve_http))


@contextmanager
def _serve_http(view: ServiceView, listen: str) -> Iterator[str | None]:
    from gitops_orch.api.server import serve_http  # a web framework that only the service needs

    with serve_http(view, listen) as address:
        yield address


if __name__ == "__main__":
    main()
