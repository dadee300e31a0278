"""A process that has the product loaded and becomes the console once per order, by forking.

Run as a program.  A new interpreter that loads everything takes longer than most of what the tests ask for; this one
pays for it once, and for what libraries work out at their first use: it syncs an app of a simulated host.  Each fork is a
process of its own in all that counts: it can be killed, and its locks die with it.
"""

import gc
import importlib
import io
import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from command_line import HOST, Repository, app
from fatality import Fatality

import gitops_orch.__main__ as console
from gitops_orch import log_output
from gitops_orch.cli.main import main as command_line
from gitops_orch.controller.execute import gates, performer

LOADED_LATE = (
    "git",
    "sqlite3",
    "rich.live",
    "encodings.idna",
    "gitops_orch.cli.verbs.progress",
    "gitops_orch.daemon.requests.rollback",
    "gitops_orch.engine.docker.connect",
)
CHANGES = 2  # the exit code of a plan that has some


def main() -> None:
    """Carry out orders, one JSON line each, until there are no more; answer with the process id and the exit code."""
    for name in LOADED_LATE:
        importlib.import_module(name)
    with TemporaryDirectory() as directory:
        _use_once(Path(directory))
    gc.collect()
    gc.freeze()  # what is shared with the forks stays shared
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
        _tell(child)
        _, status = os.waitpid(child, 0)
        _tell(os.waitstatus_to_exitcode(status))


def _use_once(directory: Path) -> None:
    """Plan, sync and look; leave no stream of a log behind, which a fork would drain at its end."""
    repository = Repository(directory / "fleet")
    repository.commit("first", hosts__edge=HOST, shop__compose=app())
    words = ("--repo", str(repository.path), "--state-dir", str(directory / "state"), "-o", "json")
    for verb in ("plan", "sync", "status"):
        output = io.StringIO()
        with redirect_stdout(output), redirect_stderr(output):
            code = command_line((verb, *words))
        assert code in (0, CHANGES), output.getvalue()
    log_output._streams.clear()


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _become(order: Mapping[str, object]) -> None:
    """Be the console from here on; it ends this process."""
    for target, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, str(order["stdout"]), os.O_WRONLY),
        (2, str(order["stderr"]), os.O_WRONLY),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, target)
        os.close(opened)
    os.environ.clear()
    os.environ.update(order["environment"])
    if order["fatality"]:
        Fatality(**order["fatality"]).install(performer, gates)
    sys.argv = ["gitops-orch", *order["arguments"]]
    console.main()


if __name__ == "__main__":
    main()
