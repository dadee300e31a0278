"""What the machine cannot give to a test is a skip that says why, and a failure in CI, where it must not be missing."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab.commands import LabError, run


@contextmanager
def provided() -> Iterator[None]:
    """Run a block that asks the machine for something; a LabError becomes a skip, with CI=true a failure."""
    try:
        yield
    except LabError as error:
        if os.environ.get("CI", "").lower() == "true":
            raise
        pytest.skip(str(error))


def need_root() -> None:
    """LabError where the tests do not run as root."""
    if os.geteuid() != 0:
        raise LabError("network namespaces, mounts and a Docker Engine need root; run the tests as root")


def need_program(name: str) -> str:
    """Return the path of a program; LabError where it is not installed."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        raise LabError(f"{name} is not installed; scripts/test installs it")
    return path


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """Lend a directory that is a file system of its own, of a size like `512k`."""
    place.mkdir()
    with provided():
        need_root()
        run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    try:
        yield place
    finally:
        run("umount", "-l", str(place))
