"""Reads the variables of a committed `.env` that Compose itself obeys: the files to load, and command-line settings."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gitops_orch.manifest.compose.sources import Sources
from gitops_orch.manifest.repository.locations import location_of
from gitops_orch.model.problem import Position, Problem, Severity

FILES_KEY = "COMPOSE_FILE"
SEPARATOR_KEY = "COMPOSE_PATH_SEPARATOR"
_WITHOUT_EFFECT = {
    "COMPOSE_ENV_FILES": "only .env and .env.<environment> are read; name more files by env_file",
    "COMPOSE_DISABLE_ENV_FILE": "a committed .env is always read; remove the file instead",
    "COMPOSE_CONVERT_WINDOWS_PATHS": "paths are those of Linux; write them so",
    "COMPOSE_PROJECT_DIRECTORY": "paths count from the Compose file's directory; move the file",
    "DOCKER_HOST": "hosts are declared in hosts/*.yaml; declare one there",
    "DOCKER_CONTEXT": "hosts are declared in hosts/*.yaml; declare one there",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedVariables:
    """All variables that an app sees, and those of its own `.env` files, each with the file that sets it."""

    all: dict[str, str]
    own: Mapping[str, str]
    origins: Mapping[str, str]


def named_files(path: str, committed: CommittedVariables, sources: Sources) -> list[str]:
    """Return the Compose files of the app of `path`: those of COMPOSE_FILE, else `path` alone.

    A COMPOSE_FILE that names a wrong file is a problem, and is then ignored.
    """
    text = committed.own.get(FILES_KEY, "")
    if not text:
        return [path]
    where = _place(FILES_KEY, committed, sources)
    location = location_of(sources.tree, path)
    found: list[str] = []
    for part in text.split(committed.own.get(SEPARATOR_KEY) or ":"):
        file = location.in_repository(part) if part else None
        mistake = _mistake(part, file, path, sources, first=not found)
        if mistake or file is None:
            sources.problems.append(Problem(position=where, message=f"{FILES_KEY}: {mistake}"))
            return [path]
        found.append(file)
    return found


def without_effect(committed: CommittedVariables, sources: Sources) -> Iterator[Problem]:
    """Yield a warning for each variable that Compose's command line obeys and a controller cannot."""
    for key, advice in _WITHOUT_EFFECT.items():
        if committed.own.get(key):
            yield Problem(
                position=_place(key, committed, sources),
                message=f"{key} has no effect here: {advice}",
                severity=Severity.WARNING,
            )


def _mistake(part: str, file: str | None, path: str, sources: Sources, *, first: bool) -> str:
    if not part:
        return f"names an empty path between {SEPARATOR_KEY}s; write compose.yaml:compose.prod.yaml"
    if part == "-":
        return "- is the standard input of a command; name a file of the repository"
    if file is None:
        return f"{part} is outside of the repository; move it into the repository"
    if not sources.exists(file):
        return f"{file} {sources.why_missing(file)}"
    if first and posixpath.dirname(file) != posixpath.dirname(path):
        beside = posixpath.dirname(path) or "the top directory"
        return f"begins with {file}, which is not in {beside}; name a file beside .env first"
    return ""


def _place(key: str, committed: CommittedVariables, sources: Sources) -> Position:
    """Return the position at which a file of variables sets a key; the last such line counts."""
    path = committed.origins[key]
    line = re.compile(rf"^[ \t]*(?:export[ \t]+)?{key}[ \t]*[=:]".encode(), re.MULTILINE)
    content = sources.inputs.get(path, b"")
    starts = [match.start() for match in line.finditer(content)]
    number = content.count(b"\n", 0, starts[-1]) + 1 if starts else 0
    return Position(path=path, line=number, column=1 if number else 0)
