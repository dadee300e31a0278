"""Which Engine a lab host runs: the system's, or one that was unpacked beside it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# An Engine runs itself again for each container it starts and each archive it reads; a quarter of the 80 ms of processor
# time that this takes was the collection of garbage that the new process is about to leave anyway.
GARBAGE_PERCENT = "400"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """The programs of one version of Docker; `directories` are searched before the system's."""

    dockerd: str
    containerd: str
    directories: tuple[Path, ...] = ()

    def environment(self) -> dict[str, str]:
        """Return the variables with which its programs find each other, and nothing else of ours."""
        path = ":".join((*map(str, self.directories), SYSTEM_PATH))
        place = {"HOME": "/root", "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
        return {"PATH": path, "GOGC": GARBAGE_PERCENT, **place}


def system_flavour() -> Flavour | None:
    """Return the installed Engine, or None where there is none."""
    dockerd, containerd = shutil.which("dockerd"), shutil.which("containerd")
    return Flavour(dockerd=dockerd, containerd=containerd) if dockerd and containerd else None
