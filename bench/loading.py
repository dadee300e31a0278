"""How the time to load, validate and compile grows with the number of Compose files, and what one changed file costs."""

import gc
import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import compile_tree
from gitops_orch.model.tree import Tree, TreeFile

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
    """Compile trees with nothing known, and again with one file changed; seconds, medians."""
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
    for turn in range(turns):
        files = _files(size)
        cache = ManifestCache()
        cold.append(_compile(_tree(files), size, cache))
        files[f"apps/a{size // 2:05d}/compose.yaml"] = COMPOSE.format(number=f"changed{turn}").encode()
        warm.append(_compile(_tree(files), size, cache))
    return {"cold": median(cold), "one changed": median(warm)}


def _compile(tree: Tree, size: int, cache: ManifestCache) -> float:
    gc.collect()
    began = time.perf_counter()
    desired = compile_tree(tree, environment=None, cache=cache)
    taken = time.perf_counter() - began
    if len(desired.apps) != size:
        raise RuntimeError(f"{len(desired.apps)} of {size} apps: {desired.problems[:3]}")
    return taken


def _files(size: int) -> dict[str, bytes]:
    files = {"hosts/h1.yaml": HOST.encode()}
    for number in range(size):
        files[f"apps/a{number:05d}/compose.yaml"] = COMPOSE.format(number=number).encode()
        files[f"apps/a{number:05d}/conf/app.conf"] = f"number = {number}\n".encode()
    return files


def _tree(files: dict[str, bytes]) -> Tree:
    listing = {
        path: TreeFile(path=path, blob=hashlib.sha1(content).hexdigest(), mode=0o644, size_bytes=len(content))
        for path, content in files.items()
    }
    tree = Tree(commit="c" * 40, files=listing, read=files.__getitem__, refused={}, name="repo")
    return replace(tree, read=dict(files).__getitem__)
