"""Checks that need all apps together: repeated names, unknown hosts and apps, dependency cycles, conflicts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gitops_orch.manifest.app.compile_app import CompiledFile
from gitops_orch.manifest.app.exclusive_resources import clashes_on_hosts
from gitops_orch.manifest.app.policy import KEY
from gitops_orch.manifest.fleet_documents import Documents
from gitops_orch.manifest.problems.collector import ProblemList, is_error
from gitops_orch.manifest.problems.suggest import did_you_mean
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import InvalidFile
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.model.rules.eligibility import may_run, named_hosts

Edges: TypeAlias = dict[AppKey, dict[AppKey, None]]  # of each app the apps that it depends on, in their order
CIRCLE_SHOWN_MAX = 20  # apps of a cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeResult:
    """The valid apps, the invalid ones, and the problems; each in the order of their keys."""

    apps: tuple[App, ...]
    invalid_apps: tuple[AppKey, ...]
    problems: tuple[Problem, ...]
    invalid_files: tuple[InvalidFile, ...] = ()


def check_tree(files: Sequence[CompiledFile], documents: Documents) -> TreeResult:
    """Check all files of a tree; an app with a mistake is invalid, and makes no other app invalid."""
    named = {file.key: file for file in files if file.key is not None}
    problems = [problem for file in files for problem in file.problems]
    found: dict[AppKey, ProblemList] = defaultdict(ProblemList)
    by_key, by_project = _groups(files)
    for checked in (
        _repeated_keys(by_key),
        _repeated_projects(by_project),
        _unknown_hosts(named, documents),
        _unknown_apps(files, named),
        _cycles(named),
        _clashes(named, by_key, documents),
        _split_networks(named, documents),
        _unplaceable(named, documents),
    ):
        for key, problem in checked:
            found[key].extend((problem,))
    broken = {key for key, file in named.items() if file.app is None}
    broken |= {key for key, some in found.items() if some.failed}
    apps = [file.app for key, file in named.items() if file.app is not None and key not in broken]
    return TreeResult(
        apps=tuple(sorted(apps, key=lambda app: (app.key.namespace, app.key.name))),
        invalid_apps=tuple(sorted(broken)),
        problems=(*problems, *(problem for some in found.values() for problem in some.problems)),
        invalid_files=tuple(
            _invalid_file(file, found) for file in files if file.key is None or file.key in broken
        ),
    )


def _invalid_file(file: CompiledFile, found: Mapping[AppKey, ProblemList]) -> InvalidFile:
    """Return an invalid file with its first mistake.

    Of two files that declare one app, each gets the mistake in its own file, if there is one.
    """
    reported = found[file.key].problems if file.key is not None and file.key in found else []
    own = [problem for problem in reported if problem.position.path == file.path]
    mistakes = (problem for problem in (*file.problems, *own, *reported) if is_error(problem))
    return InvalidFile(
        path=file.path,
        key=file.key,
        mistake=next(map(str, mistakes), f"{file.path} cannot be read"),
    )


def _groups(
    files: Sequence[CompiledFile],
) -> tuple[dict[AppKey, list[CompiledFile]], dict[str, dict[AppKey, CompiledFile]]]:
    by_key: dict[AppKey, list[CompiledFile]] = defaultdict(list)
    by_project: dict[str, dict[AppKey, CompiledFile]] = defaultdict(dict)
    for file in files:
        if file.key is not None:
            by_key[file.key].append(file)
            by_project[file.key.project][file.key] = file
    return by_key, by_project


def _repeated_keys(by_key: Mapping[AppKey, list[CompiledFile]]) -> Iterator[tuple[AppKey, Problem]]:
    for key, files in by_key.items():
        for file in files if len(files) > 1 else ():
            other = next(other for other in files if other is not file)
            message = f"app {key} is declared at {other.name_place} too; give one of them another `name:`"
            yield key, Problem(position=file.name_place, message=message)


def _repeated_projects(
    by_project: Mapping[str, Mapping[AppKey, CompiledFile]],
) -> Iterator[tuple[AppKey, Problem]]:
    for project, files in by_project.items():
        for key, file in files.items() if len(files) > 1 else ():
            other = next(other for other in files if other != key)
            message = (
                f"app {key} and app {other} ({files[other].name_place}) would both be the Compose project "
                f"{project}; give one of them another name"
            )
            yield key, Problem(position=file.name_place, message=message)


def _unknown_hosts(
    named: Mapping[AppKey, CompiledFile], documents: Documents
) -> Iterator[tuple[AppKey, Problem]]:
    if not documents.complete:
        return  # a host that could not be read is not an unknown one
    known = {host.name: host for host in documents.hosts}
    for key, file in named.items():
        wanted = file.app.placement.hosts if file.app else ()
        for host, place in zip(wanted, file.host_places, strict=False):
            if host not in known:
                message = f"{KEY}.placement.hosts: host {host} is not declared{did_you_mean(host, known)}"
                yield key, Problem(position=place, message=message)


def _unknown_apps(
    files: Sequence[CompiledFile], named: Mapping[AppKey, CompiledFile]
) -> Iterator[tuple[AppKey, Problem]]:
    if any(file.key is None for file in files):
        return  # the app may be in a file in which no name can be read
    known = [str(key) for key in named]
    for key, file in named.items():
        wanted = file.app.depends_on if file.app else ()
        for other, place in zip(wanted, file.dependency_places, strict=False):
            if other not in named:
                message = f"{KEY}.depends_on: there is no app {other}{did_you_mean(str(other), known)}"
                yield key, Problem(position=place, message=message)


def _cycles(named: Mapping[AppKey, CompiledFile]) -> Iterator[tuple[AppKey, Problem]]:
    edges = {key: file.app.depends_on for key, file in named.items() if file.app and file.app.depends_on}
    left = _cycle_edges(edges)
    on: dict[AppKey, tuple[tuple[AppKey, ...], int]] = {}  # for each app: a cycle, and the app's index in it
    for key in (key for key in edges if key in left):
        if key not in on:
            circle = _cycle(key, left)
            on = {each: (circle, at) for at, each in enumerate(circle)} | on
        if key not in on:
            continue
        file = named[key]
        place = file.dependency_places[0] if file.dependency_places else file.name_place
        message = f"{KEY}.depends_on: {_shown(*on[key])} is a circle; remove one of the edges"
        yield key, Problem(position=place, message=message)


def _cycle_edges(edges: Mapping[AppKey, tuple[AppKey, ...]]) -> Edges:
    """Return the edges without apps that lead nowhere or that no app leads to: no cycle includes them."""
    forth: Edges = {
        key: dict.fromkeys(each for each in others if each in edges) for key, others in edges.items()
    }
    back: Edges = {key: {} for key in edges}
    for key, others in forth.items():
        for other in others:
            back[other][key] = None
    for ways, against in ((forth, back), (back, forth)):
        ends = [key for key, others in ways.items() if not others]
        while ends:
            end = ends.pop()
            del ways[end]
            for key in against.pop(end):
                del ways[key][end]
                ends += [] if ways[key] else [key]
    return forth


def _cycle(start: AppKey, edges: Edges) -> tuple[AppKey, ...]:
    """Return the path from an app back to itself, without its end; empty where there is none."""
    came_from: dict[AppKey, AppKey] = {}
    waiting = [start]
    while waiting:
        key = waiting.pop()
        if start in edges[key]:
            return _trail(key, start, came_from)
        for other in edges[key]:
            if other not in came_from:
                came_from[other] = key
                waiting.append(other)
    return ()


def _trail(end: AppKey, start: AppKey, came_from: Mapping[AppKey, AppKey]) -> tuple[AppKey, ...]:
    steps = [end]
    while steps[-1] != start:
        steps.append(came_from[steps[-1]])
    return tuple(reversed(steps))


def _shown(circle: Sequence[AppKey], at: int) -> str:
    """Return a cycle as text, from one of its apps back to it."""
    steps = [str(circle[(at + step) % len(circle)]) for step in range(min(len(circle), CIRCLE_SHOWN_MAX))]
    return " -> ".join([*steps, *(["..."] if len(circle) > CIRCLE_SHOWN_MAX else []), steps[0]])


def _clashes(
    named: Mapping[AppKey, CompiledFile],
    by_key: Mapping[AppKey, list[CompiledFile]],
    documents: Documents,
) -> Iterator[tuple[AppKey, Problem]]:
    if not documents.complete:
        return
    single = {key: file for key, file in named.items() if len(by_key[key]) == 1}
    apps = [file.app for file in single.values() if file.app is not None]
    claims = {key: file.claims for key, file in single.items()}
    yield from clashes_on_hosts(apps, claims, tuple(host.name for host in documents.hosts))


def _split_networks(
    named: Mapping[AppKey, CompiledFile], documents: Documents
) -> Iterator[tuple[AppKey, Problem]]:
    hosts = tuple(host.name for host in documents.hosts)
    for key, file in named.items():
        for service, network in file.splits:
            if file.app is None or len(named_hosts(file.app, hosts)) < 2:  # noqa: PLR2004  # one host splits no network
                break
            message = (
                f"services.{service.name}: may run on other hosts than its peers in network {network}, which is no "
                "overlay and ends at the host; make it an overlay, or keep the services together"
            )
            place = service.position or Position(path=file.path)
            yield key, Problem(position=place, message=message, severity=Severity.WARNING)


def _unplaceable(
    named: Mapping[AppKey, CompiledFile], documents: Documents
) -> Iterator[tuple[AppKey, Problem]]:
    """Yield services with constraints that no host meets; that is valid with `mode: global`, but likely a mistake."""
    for key, file in named.items() if documents.complete else ():
        if file.app is None:
            continue
        app = file.app
        for service in app.services:
            constraints = (*app.placement.constraints, *service.placement.constraints)
            if constraints and not any(may_run(app, service, host) for host in documents.hosts):
                message = (
                    f"services.{service.name}: no host meets {' and '.join(constraints)}, so it runs nowhere; "
                    "change the constraints, or the labels of a host"
                )
                place = service.position or Position(path=file.path)
                yield key, Problem(position=place, message=message, severity=Severity.WARNING)
