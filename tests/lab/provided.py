"""A test that needs something that the machine lacks is skipped with the reason; in CI, it fails."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab.commands import LabError, run


@contextmanager
def provided() -> Iterator[None]:
    """Run a block that needs something of the machine; a LabError becomes a skip, or a failure with CI=true."""
    try:
        yield
    except LabError as error:
        if os.environ.get("CI", "").lower() == "true":
            raise
        pytest.skip(str(error))


def need_root() -> None:
    """LabError if the tests do not run as root."""
    if os.geteuid() != 0:
        raise LabError("network namespaces, mounts and a Docker Engine need root; run the tests as root")


def need_program(name: str) -> str:
    """Return the path of a program; LabError if it is not installed."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        raise LabError(f"{name} is not installed; scripts/test installs it")
    return path


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """Lend a directory that is a separate file system, of a size such as `512k`."""
    place.mkdir()
    with provided():
        need_root()
        run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    try:
        yield place
    finally:
        run("umount", "-l", str(place))
