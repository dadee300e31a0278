"""How the time to load, validate and compile grows with the number of Compose files, and what one changed file costs."""

import gc
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from gitops_orch.clock import SystemClock
from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import compile_tree
from gitops_orch.python_gc import few_collections
from gitops_orch.source.access import SourceSettings
from gitops_orch.source.source import Source

HOST = """
apiVersion: gitops-orch/v1
kind: Host
metadata: {name: h1}
spec: {url: "sim://h1"}
"""
# What an ordinary app says: two services, variables with defaults, a health check, a file from Git, limits.
COMPOSE = """\
x-gitops:
  rollout: {{healthy_deadline: 2m}}
services:
  web:
    image: registry.example/app{number}:${{TAG:-1.0}}
    environment:
      APP: "{number}"
      DATABASE_URL: postgres://db:5432/${{DATABASE:-app}}
    networks: [front, back]
    depends_on:
      db: {{condition: service_healthy}}
    volumes: ["./conf:/etc/app:ro"]
    deploy:
      resources: {{limits: {{memory: 256m, cpus: "0.5"}}}}
    restart: unless-stopped
  db:
    image: postgres:16
    environment: {{POSTGRES_DB: "${{DATABASE:-app}}"}}
    networks: [back]
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck:
      test: ["CMD", "pg_isready"]
      interval: 5s
    restart: unless-stopped
networks: {{front: {{}}, back: {{internal: true}}}}
volumes: {{data: {{}}}}
"""


def loader_times(sizes: Sequence[int], turns: int) -> list[tuple[str, str]]:
    """Compile commits with nothing known, and again with one file changed, from the end of the fetch; medians."""
    lines: list[tuple[str, str]] = []
    before: dict[str, float] = {}
    for size in sizes:
        taken = _measure(size, turns)
        for what, seconds in taken.items():
            growth = f", {seconds / before[what]:.1f} x the size before" if what in before else ""
            lines.append((f"{size} files, {what}", f"{seconds:.3f} s{growth}"))
        before = taken
    return lines


def _measure(size: int, turns: int) -> dict[str, float]:
    cold, warm = [], []
    with tempfile.TemporaryDirectory() as directory:
        repository = Path(directory) / "origin.git"
        subprocess.run(["git", "init", "--quiet", "--bare", str(repository)], check=True)
        for turn in range(turns):
            _commit(repository, _files(range(size)))
            settings = SourceSettings(url=f"file://{repository}", branch="main")
            source = Source(settings, Path(directory) / f"mirror{turn}", SystemClock())
            cache = ManifestCache()
            cold.append(_compile(source, size, cache))
            _commit(repository, {_path(size // 2): COMPOSE.format(number=f"changed{turn}")})
            warm.append(_compile(source, size, cache))
            source.close()
    return {"cold": median(cold), "one changed": median(warm)}


def _compile(source: Source, size: int, cache: ManifestCache) -> float:
    gc.collect()
    commit = source.fetch(last_commit=None)
    began = time.perf_counter()
    with few_collections():
        desired = compile_tree(source.tree(commit), environment=None, cache=cache)
    taken = time.perf_counter() - began
    if len(desired.apps) != size:
        raise RuntimeError(f"{len(desired.apps)} of {size} apps: {desired.problems[:3]}")
    return taken


def _path(number: int) -> str:
    return f"apps/a{number:05d}/compose.yaml"


def _files(numbers: Iterable[int]) -> dict[str, str]:
    files = {"hosts/h1.yaml": HOST}
    for number in numbers:
        files[_path(number)] = COMPOSE.format(number=number)
        files[f"apps/a{number:05d}/conf/app.conf"] = f"number = {number}\n"
    return files


def _commit(repository: Path, files: Mapping[str, str]) -> None:
    """Add a commit that writes the files; through git's own import, for one process per file would take minutes."""
    branch = "refs/heads/main"
    known = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "--quiet", "--verify", branch],
        check=False,
        stdout=subprocess.DEVNULL,
    )
    parts = [f"commit {branch}\ncommitter bench <bench@example.org> 0 +0000\ndata 0\n"]
    parts += [f"from {branch}^0\n"] if known.returncode == 0 else []
    parts += [f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n" for path, text in files.items()]
    subprocess.run(
        ["git", "-C", str(repository), "fast-import", "--quiet"], input="".join(parts).encode(), check=True
    )
