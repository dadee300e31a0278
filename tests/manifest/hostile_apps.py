"""Apps that are made to keep the whole of a validation busy, or to fill its memory, though every file is small.

Run as a program, it validates one hostile input, and prints the seconds of processor time, the megabytes above what the
input itself takes, at their highest, and the number of errors.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from machine_speed import unit_s
from manifest.compile_world import HOSTS, errors, tree_of
from manifest.hostile import HOSTILE, ONE, Files, compose, services

from gitops_orch.manifest.compile import compile_tree

BIG = {".env": "B=" + "x" * 900_000}
LONG = "x-a: &a '{}'\n"


def each(count: int, line: str) -> str:
    return "".join(line.format(n=n) for n in range(count))


def dense(count: int, body: str) -> str:
    """Services of which each names all that come before it."""
    return "services:\n" + "".join(
        f"  s{n}: {{image: i, {body.format(before=', '.join(f's{m}' for m in range(n)))}}}\n"
        for n in range(count)
    )


def hosts(count: int, name: str = "h{n}") -> str:
    one = HOSTS.partition("---")[0].replace("edge-1", name)
    return "---\n".join(one.replace("{n}", str(n)) for n in range(count))


def documents(count: int, text: str) -> str:
    return "".join("---\n" + text.replace("{n}", str(n)) for n in range(count))


def parts(count: int, body: str, main: str) -> Files:
    """A file, and many that it names."""
    named = {f"f{n}.yaml": body.replace("{n}", str(n)) for n in range(count)}
    return {"compose.yaml": main, **named, **BIG}


def includes(count: int, body: str) -> Files:
    return parts(count, body, "include: [" + ", ".join(f"f{n}.yaml" for n in range(count)) + "]\n" + ONE)


def chain_of_includes(depth: int) -> Files:
    files: Files = {
        f"f{n}.yaml": f"include: [f{n + 1}.yaml]\nservices: {{t{n}: {{image: i}}}}\n" for n in range(depth)
    }
    leaf = {f"f{depth}.yaml": services(9_000, "image: i")}
    return {"compose.yaml": "include: [f0.yaml]\n" + ONE, **files, **leaf}


def ring_of_apps(count: int) -> Files:
    return {
        f"a{n}/compose.yaml": ONE + f"x-gitops: {{depends_on: [a{(n + 1) % count}]}}\n" for n in range(count)
    }


def mounted(count: int, path: str, files: Files) -> Files:
    return {"compose.yaml": services(count, f"image: i, volumes: ['{path}:/x:ro']"), **files}


APPS: dict[str, Callable[[], Files]] = {
    "one published port, again and again": lambda: compose(
        "services:\n  a:\n    image: i\n    ports:\n"
        + each(19_000, "      - '80:{n}1'\n").replace(":01", ":1")[:400_000]
    ),
    "one port at thousands of addresses, of two services": lambda: compose(
        "services:\n"
        + "".join(
            f"  {name}:\n    image: i\n    ports:\n"
            + "".join(f"      - '10.{part}.{n // 250}.{n % 250}:80:80'\n" for n in range(9_900))
            for part, name in enumerate("ab")
        )
    ),
    "one directory of the host, mounted again and again": lambda: compose(
        "services:\n  a:\n    image: i\n    volumes:\n" + each(19_000, "      - /data:/a{n}\n")
    ),
    "every port of a host for two replicas": lambda: compose(
        "services: {a: {image: i, deploy: {replicas: 2}, ports: ['1-65535:1-65535']}}\n"
    ),
    "two apps that want every port": lambda: {
        f"{name}/compose.yaml": "services: {a: {image: i, ports: ['1-30000:1-30000']}}\n" for name in "ab"
    },
    "global services that share a network": lambda: compose(
        services(3_300, "image: i, deploy: {{mode: global}}")
    ),
    "global services on hundreds of hosts": lambda: {
        "compose.yaml": "services:\n"
        + each(40, "  s{n}: {{image: i, deploy: {{mode: global}}, ports: ['1{n:02}01-1{n:02}99:1-99']}}\n"),
        "hosts/h.yaml": hosts(900),
    },
    "hundreds of hosts of one name": lambda: {"compose.yaml": ONE, "hosts/h.yaml": hosts(900, "same")},
    "thousands of hosts that do not exist": lambda: {
        "compose.yaml": ONE
        + "x-gitops:\n  placement:\n    hosts:\n"
        + each(19_000, "      - hostname-{n}\n"),
        "hosts/h.yaml": hosts(900, "hostnam-{n}"),
    },
    "apps that wait for each other in a ring": lambda: ring_of_apps(1_500),
    "files of a thousand documents": lambda: compose(
        documents(990, "services: {s{n}: {image: i, environment: {A: }}}\n")
    ),
    "a large file under hundreds of documents": lambda: compose(
        services(6_000, "image: i") + documents(900, "x-{n}: 1\n")
    ),
    "documents that grow by variables": lambda: {
        "compose.yaml": documents(900, "x-{n}: $B$B$B$B\n") + "---\n" + ONE,
        **BIG,
    },
    "includes that grow by variables": lambda: includes(
        199, "services: {s{n}: {image: i, labels: {A: $B$B$B$B}}}\n"
    ),
    "includes that all publish every port": lambda: includes(
        199, "services: {s{n}: {image: i, ports: ['1-65535:1-65535']}}\n"
    ),
    "two hundred includes of thirty services": lambda: includes(
        199, "services:\n" + each(30, "  s{{n}}x{n}: {{image: i}}\n").replace("{{n}}", "{n}")
    ),
    "a large file at the end of a chain of includes": lambda: chain_of_includes(18),
    "hundreds of files that services extend and variables blow up": lambda: parts(
        400,
        "services: {s: {image: i, labels: {A: $B$B$B$B}}}\n",
        "services:\n" + each(400, "  s{n}: {{extends: {{file: f{n}.yaml, service: s}}}}\n"),
    ),
    "hundreds of large files that services extend": lambda: parts(
        300,
        services(2_000, "image: i") + each(1, "  s: {{image: i, ports: ['1-65535:1-65535']}}\n"),
        "services:\n" + each(300, "  a{n}: {{extends: {{file: f{n}.yaml, service: s1}}}}\n"),
    ),
    "dozens of files of comments": lambda: includes(40, "#" * 990_000 + "\nservices: {s{n}: {image: i}}\n"),
    "variables that double": lambda: {
        "compose.yaml": services(3_000, "image: i, env_file: e.env"),
        "e.env": "A0=" + "x" * 100 + "\n" + "".join(f"A{n + 1}=$A{n}$A{n}\n" for n in range(20)),
    },
    "a large variable that thousands of services pass through": lambda: {
        "compose.yaml": services(3_900, "image: i, environment: [B]"),
        **BIG,
    },
    "a large variable that thousands of files pass through": lambda: {
        "compose.yaml": services(3_900, "image: i, env_file: e.env"),
        "e.env": "B\n",
        **BIG,
    },
    "a large variable that is thousands of secrets": lambda: {
        "compose.yaml": "services:\n  a:\n    image: i\n    secrets: ["
        + each(5_000, "c{n},")
        + "]\nsecrets:\n"
        + each(5_000, "  c{n}: {{environment: B}}\n"),
        **BIG,
    },
    "many variables before thousands of variable files": lambda: {
        "compose.yaml": services(3_900, "image: i, env_file: e.env"),
        ".env": each(9_900, "A{n}=1\n"),
        "e.env": "Q=$A1\n",
    },
    "a long text that thousands of services share": lambda: compose(
        LONG.format("x" * 900_000) + services(3_900, "image: i, labels: {{a: *a}}")
    ),
    "a long text that is no port, thousands of times": lambda: compose(
        LONG.format("x" * 900_000 + ":1:2:3") + "services: {a: {image: i, ports: [" + "*a," * 3_000 + "]}}\n"
    ),
    "half a million dollar signs, several times": lambda: compose(
        LONG.format("$$" * 490_000) + services(3, "image: i, labels: {{a: *a}}")
    ),
    "a long name with thousands of mistakes": lambda: compose(
        "services:\n  ? "
        + "a" * 900_000
        + "\n  : image: i\n    cap_add:\n"
        + each(3_000, "    - {{a: {n}}}\n")
    ),
    "a long name with thousands of warnings": lambda: compose(
        "services:\n  ? "
        + "a" * 900_000
        + "\n  : image: i\n    environment:\n"
        + each(3_000, "      K{n}:\n")
    ),
    "a long name for all that there is": lambda: {
        "compose.yaml": "services: {a: {image: i, volumes: ["
        + each(5_000, "'v{n}:/v{n}',")
        + "]}}\nvolumes:\n"
        + each(5_000, "  v{n}:\n"),
        ".env": "COMPOSE_PROJECT_NAME=" + "a" * 900_000 + "\n",
    },
    "thousands of values of the wrong kind": lambda: compose(
        services(
            1_500, "image: [], ports: {{}}, volumes: x, environment: 5, restart: {{}}, deploy: [], build: 5"
        )
    ),
    "a directory of thousands of files in thousands of services": lambda: mounted(
        3_900, "./d", {f"d/{n}": b"x" for n in range(2_000)}
    ),
    "many megabytes in thousands of services": lambda: mounted(3_900, "./d", {"d/f": b"x" * 30_000_000}),
    "thousands of live files below thousands of other mounts": lambda: compose(
        "services:\n  a:\n    image: i\n    x-gitops: {reload: SIGHUP}\n    tmpfs: ["
        + each(9_000, "/t{n},")
        + "]\n    configs: ["
        + each(3_000, "c{n},")
        + "]\nconfigs:\n"
        + each(3_000, "  c{n}: {{content: x}}\n")
    ),
    "a large profile in thousands of services": lambda: {
        "compose.yaml": services(3_000, "image: i, security_opt: ['seccomp=./p.json']"),
        "p.json": "[" + "1," * 400_000 + "1]",
    },
    "a profile of lists in lists": lambda: {
        "compose.yaml": "services: {a: {image: i, security_opt: ['seccomp=./p.json']}}\n",
        "p.json": "[" * 400_000 + "]" * 400_000,
    },
    "a constraint of spaces": lambda: compose(
        "services: {a: {image: i, deploy: {placement: {constraints: ['a == b" + " " * 900_000 + "b']}}}}\n"
    ),
    "a fraction of digits": lambda: compose("services: {a: {image: i, cpus: '" + "1" * 900_000 + "x'}}\n"),
    "services that all depend on all before them": lambda: compose(dense(190, "depends_on: [{before}]")),
    "services that all mount all before them": lambda: compose(dense(138, "volumes_from: [{before}]")),
    "thousands of profiles": lambda: {
        "compose.yaml": services(4_900, "image: i, profiles: [p{n}]"),
        ".env": "COMPOSE_PROFILES=" + ",".join(f"p{n}" for n in range(100_000)) + "\n",
    },
    "merges of long lists and mappings": lambda: compose(
        "x-a: &a {image: i, cap_add: ["
        + each(400, "C{n},")
        + "], labels: {"
        + each(400, "L{n}: v,")
        + "}}\nservices:\n"
        + each(24, "  s{n}: {{<<: [*a, *a, *a], user: u}}\n")
    ),
    "a schedule that never occurs, thousands of times": lambda: compose(
        services(2_800, "image: i, x-gitops: {{job: {{schedule: '0 0 30 2 *'}}}}")
    ),
}


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    files = {**HOSTILE, **APPS}[sys.argv[1]]()
    tree = tree_of({path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()})
    own_mb = sum(file.size_bytes for file in tree.files.values()) / 1e6
    del files
    # Not getrusage: its highest mark survives exec, and so is that of the process that started this one.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before_s = unit_s()
    began = time.process_time()
    desired = compile_tree(tree, environment=None)
    took = (time.process_time() - began) / max(before_s, unit_s())
    sys.stdout.write(f"{took:.2f} {_peak_mb() - own_mb:.0f} {len(errors(desired))}\n")
