"""Which files of a tree mean something: Compose files, Host documents, the Fleet document."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import basename, dirname, join

from gitops_orch.manifest.repository.ignore import NAME as IGNORE_NAME
from gitops_orch.manifest.repository.ignore import IgnoreRules
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.model.tree import Tree

# In Compose's own order of precedence, for directories that hold several.
COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
FLEET_PATH = "gitops.yaml"
HOSTS_DIRECTORY = "hosts"
_YAML_SUFFIXES = (".yaml", ".yml")
_NAME_CHARACTER = re.compile(r"[a-z0-9_-]")
_HIDDEN = (".", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """The files that count, in the order of their paths; `unread` are such files that the tree refuses to read."""

    compose: tuple[str, ...]
    hosts: tuple[str, ...]
    fleet: str | None
    unread: tuple[str, ...]
    left_out: Mapping[str, str]  # Compose files that are no apps, with the place of the pattern that says so
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
    """Tell whether a path is where the hosts or the fleet are declared, or what is no app."""
    return path == FLEET_PATH or _is_host_file(path) or basename(path) == IGNORE_NAME


def default_app_name(path: str, tree: Tree) -> str:
    """Return the name of an app whose file gives none, as Compose makes it from the directory; "" where it cannot."""
    source = basename(dirname(path)) or tree.name
    return "".join(_NAME_CHARACTER.findall(source.lower())).lstrip("_-")


def _choose(by_directory: dict[str, dict[str, str]], tree: Tree) -> tuple[list[str], list[Problem]]:
    """Choose one file of each directory; one that cannot be read is never replaced by another that stands beside it."""
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
            _warning(path, f"is not read, because {first} stands beside it")
            for path in others
            if path in tree.files
        ]
    return chosen, problems


def _counts(path: str) -> bool:
    return is_document(path) or (basename(path) in COMPOSE_NAMES and is_searched(path))


def is_searched(path: str) -> bool:
    """Tell whether apps are looked for at a path."""
    return path[0] not in _HIDDEN and "/." not in path and "/_" not in path


def _is_linked(path: str, tree: Tree) -> bool:
    """Tell whether a symbolic link to a directory leads to a path: the app there is found where it lies."""
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
