"""A process that has the product loaded and becomes the console once per order, by forking.

Run as a program.  A new interpreter that loads everything takes longer than most of what the tests ask for; this one
pays for it once.  Each fork is a process of its own in all that counts: it can be killed, and its locks die with it.
"""

import gc
import importlib
import json
import os
import sys
from collections.abc import Mapping

from fatality import Fatality

import gitops_orch.__main__ as console
from gitops_orch.controller import gates, performer

LOADED_LATE = ("git", "sqlite3", "rich.live", "gitops_orch.cli.progress", "gitops_orch.daemon.rollback")


def main() -> None:
    """Carry out orders, one JSON line each, until there are no more; answer with the process id and the exit code."""
    for name in LOADED_LATE:
        importlib.import_module(name)
    gc.freeze()  # what is shared with the forks stays shared
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
        _tell(child)
        _, status = os.waitpid(child, 0)
        _tell(os.waitstatus_to_exitcode(status))


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
