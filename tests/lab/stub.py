"""Images of a static busybox alone, so that no registry is needed; the same bytes have the same ids.

| image | behaves |
|---|---|
| `stub:1` `stub:2` `stub:3` | serves its tag's name on port 8080 and stops at once on SIGTERM |
| `stub:healthy-1` `stub:healthy-2` | the same, with a HEALTHCHECK that passes after about a second |
| `stub:slow` | healthy only $HEALTHY_AFTER seconds (5) after its start |
| `stub:unhealthy` | never healthy |
| `stub:complains` | never healthy, and its check prints the reason |
| `stub:sick` | healthy, then unhealthy from $SICK_AFTER seconds (5) on, or while there is a file /sick |
| `stub:crash` | ends with code 1 after a fifth of a second |
| `stub:exit0` | ends with code 0 at once |
| `stub:brief` | ends with code 0 after two seconds |
| `stub:stubborn` | does nothing on SIGTERM |
"""

import functools
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.commands import LabError

SECOND_NS = 1_000_000_000
SERVE = """#!/bin/sh
# As the first process of a container: without a trap SIGTERM would do nothing.
trap 'kill $!; exit 0' TERM INT
httpd -f -p 8080 -h /www &
wait
"""
SICK = """#!/bin/sh
(sleep "${SICK_AFTER:-5}"; touch /sick) &
exec /bin/serve
"""
SLOW = """#!/bin/sh
(sleep "${HEALTHY_AFTER:-5}"; touch /ready) &
exec /bin/serve
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StubImage:
    """One tag: the command that it runs, and the test that decides on its health (None: no HEALTHCHECK).

    With an `entrypoint`, the command of a Compose file is only its arguments; `programs` are added and do nothing;
    `scripts` are added with their text, by path.
    """

    tag: str
    entrypoint: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    scripts: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ("/bin/serve",)
    test: str | None = None
    interval_s: float = 0.5  # of the test
    architecture: str = "amd64"  # in the image's metadata; the program in it is that of this machine


IMAGES = (
    StubImage(tag="stub:1"),
    StubImage(tag="stub:2"),
    StubImage(tag="stub:3"),
    StubImage(tag="stub:healthy-1", test="wget -q -O /dev/null http://127.0.0.1:8080/"),
    StubImage(tag="stub:healthy-2", test="wget -q -O /dev/null http://127.0.0.1:8080/"),
    StubImage(tag="stub:slow", command=("/bin/slow",), test="test -e /ready"),
    StubImage(tag="stub:unhealthy", test="false"),
    StubImage(tag="stub:complains", test="echo database is locked; exit 1"),
    StubImage(tag="stub:sick", command=("/bin/sick",), test="test ! -e /sick"),
    StubImage(tag="stub:crash", command=("/bin/sh", "-c", "echo no such table; sleep 0.2; exit 1")),
    StubImage(tag="stub:exit0", command=("/bin/true",)),
    StubImage(tag="stub:brief", command=("/bin/sleep", "2")),
    StubImage(tag="stub:stubborn", command=("/bin/sh", "-c", "trap '' TERM; while true; do sleep 1; done")),
)


@functools.cache
def stub_images() -> bytes:
    """Return all of them as one archive for `docker load`."""
    return image_archive(IMAGES)


def image_archive(images: tuple[StubImage, ...]) -> bytes:
    """Return an archive for `docker load`; it contains the busybox layer once."""
    base = _base_layer()
    members: dict[str, bytes] = {"base.tar": base}
    manifest = []
    for image in images:
        programs = dict.fromkeys(image.programs, b"#!/bin/sh\n")
        scripts = {path: text.encode() for path, text in image.scripts}
        page = _archive({"www/index.html": f"{image.tag}\n".encode(), **programs, **scripts})
        config = json.dumps(_config(image, (base, page)), sort_keys=True).encode()
        page_name, config_name = f"{_sha256(page)}.tar", f"{_sha256(config)}.json"
        members |= {page_name: page, config_name: config}
        manifest.append({"Config": config_name, "RepoTags": [image.tag], "Layers": ["base.tar", page_name]})
    return _archive({**members, "manifest.json": json.dumps(manifest).encode()})


def _config(image: StubImage, layers: tuple[bytes, ...]) -> dict[str, object]:
    run: dict[str, object] = {"Env": ["PATH=/bin"], "Cmd": list(image.command)}
    if image.entrypoint:
        run["Entrypoint"] = list(image.entrypoint)
    if image.test:
        check = {
            "Test": ["CMD-SHELL", image.test],
            "Interval": int(image.interval_s * SECOND_NS),
            "Timeout": 5 * SECOND_NS,
            "Retries": 2,
        }
        run["Healthcheck"] = check
    return {
        "architecture": image.architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sha256(layer)}" for layer in layers]},
        "history": [{"created": "1970-01-01T00:00:00Z"} for _ in layers],
    }


@functools.cache
def _base_layer() -> bytes:
    busybox = shutil.which("busybox")
    if not busybox:
        raise LabError("there is no busybox; install busybox-static, or run scripts/test")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    files = {
        "bin/busybox": Path(busybox).read_bytes(),
        "bin/serve": SERVE.encode(),
        "bin/sick": SICK.encode(),
        "bin/slow": SLOW.encode(),
        "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\npostgres:x:70:70::/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
    }
    links = {f"bin/{name}": "busybox" for name in applets if name != "busybox"}
    return _archive(files, links=links, directories=("bin", "etc", "root", "tmp", "var", "www"))


def _archive(
    files: Mapping[str, bytes], *, links: Mapping[str, str] = {}, directories: tuple[str, ...] = ()
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in directories:
            archive.addfile(_member(name, tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755))
        for name, content in files.items():
            member = _member(
                name, tarfile.REGTYPE, 0o755 if "bin/" in name or name.endswith(".sh") else 0o644
            )
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = _member(name, tarfile.SYMTYPE, 0o777)
            member.linkname = target
            archive.addfile(member)
    return buffer.getvalue()


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, mode
    return member


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
