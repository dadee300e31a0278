"""Lists the files of a checkout that a commit would contain: indexed and new files, without those that Git ignores."""

import os
from pathlib import Path

from gitops_orch.clock import SystemClock
from gitops_orch.errors import SourceError
from gitops_orch.source.git import Git

DEADLINE_S = 60.0
# A listing must not start any program that the checkout's configuration names.
_OPTIONS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
_LIST = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--")


def listed_by_git(directory: Path) -> list[bytes] | None:
    """Return the paths below a directory that a commit would contain, with submodules and nested repositories.

    None if the directory is in no work tree, or if git cannot list it; then it is unknown what Git ignores.
    """
    top = _work_tree(directory)
    if top is None:
        return None
    below = os.fsencode(directory.relative_to(top).as_posix())
    prefix = b"" if below == b"." else below + b"/"
    git = Git(
        top / ".git",
        {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1"},
        deadline_s=DEADLINE_S,
        clock=SystemClock(),
    )
    try:
        result = git.run(*_OPTIONS, f"--work-tree={top}", *_LIST, os.fsdecode(below))
    except SourceError:
        return None
    if not result.ok:
        return None
    rows = {row.rstrip(b"/") for row in result.stdout.split(b"\0") if row}
    return sorted(row[len(prefix) :] for row in rows if row.startswith(prefix))


def _work_tree(directory: Path) -> Path | None:
    for path in (directory, *directory.parents):
        if (path / ".git").exists():
            return path
    return None
