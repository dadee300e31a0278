"""Finds the Compose files, the Host documents and the Fleet document of a tree."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import basename, dirname, join

from gitops_orch.manifest.repository.ignore import NAME as IGNORE_NAME
from gitops_orch.manifest.repository.ignore import IgnoreRules
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.model.tree import Tree

# in Compose's own order of precedence, for directories that contain several
COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
FLEET_PATH = "gitops.yaml"
HOSTS_DIRECTORY = "hosts"
_YAML_SUFFIXES = (".yaml", ".yml")
_NAME_CHARACTER = re.compile(r"[a-z0-9_-]")
_HIDDEN = (".", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """The files to read, in the order of their paths; `unread` are such files that the tree refuses to read."""

    compose: tuple[str, ...]
    hosts: tuple[str, ...]
    fleet: str | None
    unread: tuple[str, ...]
    # Compose files that are excluded, with the position of the pattern that excludes them
    left_out: Mapping[str, str]
    problems: tuple[Problem, ...]


def discover(tree: Tree) -> Discovered:
    """Find all documents of a tree."""
    by_directory: dict[str, dict[str, str]] = defaultdict(dict)
    hosts: list[str] = []
    left_out: dict[str, str] = {}
    rules = IgnoreRules(tree)
    for path in tree.files:
        if not path.endswith(_YAML_SUFFIXES):
            continue
        directory, _, name = path.rpartition("/")
        if name in COMPOSE_NAMES:
            if not is_searched(path) or _is_linked(path, tree):
                continue
            why = rules.why_left_out(path)
            if why:
                left_out[path] = why
            else:
                by_directory[directory][name] = path
        elif _is_host_file(path):
            hosts.append(path)
    compose, problems = _choose(by_directory, tree)
    if "gitops.yml" in tree.files:
        problems.append(_warning("gitops.yml", f"is not read; name it {FLEET_PATH}"))
    problems += rules.problems
    unread = sorted(path for path in tree.refused if _counts(path) and not rules.why_left_out(path))
    problems += [
        Problem(position=Position(path=path), message=f"is not read: {tree.refused[path]}") for path in unread
    ]
    return Discovered(
        compose=tuple(sorted(compose)),
        hosts=tuple(sorted(hosts)),
        fleet=FLEET_PATH if FLEET_PATH in tree.files else None,
        unread=(*unread, *rules.unread),
        left_out=left_out,
        problems=tuple(problems),
    )


def is_document(path: str) -> bool:
    """Return whether a path declares hosts or the fleet, or excludes apps."""
    return path == FLEET_PATH or _is_host_file(path) or basename(path) == IGNORE_NAME


def default_app_name(path: str, tree: Tree) -> str:
    """Return the default name of an app, derived from its directory as Compose does; "" where that is impossible."""
    source = basename(dirname(path)) or tree.name
    return "".join(_NAME_CHARACTER.findall(source.lower())).lstrip("_-")


def _choose(by_directory: dict[str, dict[str, str]], tree: Tree) -> tuple[list[str], list[Problem]]:
    """Choose one file of each directory; another file never replaces one that cannot be read."""
    chosen: list[str] = []
    problems: list[Problem] = []
    for directory, present in by_directory.items():
        refused = tree.refused
        unread = {
            name: path for name in COMPOSE_NAMES if refused and (path := join(directory, name)) in refused
        }
        first, *others = ((present | unread)[name] for name in COMPOSE_NAMES if name in present | unread)
        if first in tree.files:
            chosen.append(first)
        problems += [
            _warning(path, f"is not read, because {first} is in the same directory")
            for path in others
            if path in tree.files
        ]
    return chosen, problems


def _counts(path: str) -> bool:
    return is_document(path) or (basename(path) in COMPOSE_NAMES and is_searched(path))


def is_searched(path: str) -> bool:
    """Return whether a file at this path can be an app."""
    return path[0] not in _HIDDEN and "/." not in path and "/_" not in path


def _is_linked(path: str, tree: Tree) -> bool:
    """Return whether a path is below a symbolic link to a directory: the app is found at its real path."""
    return any(path.startswith(f"{link}/") for link in tree.linked_directories)


def _is_host_file(path: str) -> bool:
    directory, _, name = path.rpartition("/")
    return (
        directory == HOSTS_DIRECTORY
        and name.endswith(_YAML_SUFFIXES)
        and name not in COMPOSE_NAMES
        and not name.startswith(_HIDDEN)
    )


def _warning(path: str, message: str) -> Problem:
    return Problem(position=Position(path=path), message=message, severity=Severity.WARNING)
