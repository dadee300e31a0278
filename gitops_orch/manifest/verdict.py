"""What can only be told of all apps together: names used twice, hosts and apps that do not exist, circles, clashes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitops_orch.manifest.app_file import CompiledFile
from gitops_orch.manifest.claims import candidates, clashes_on_hosts
from gitops_orch.manifest.documents import Documents
from gitops_orch.manifest.findings import has_errors
from gitops_orch.manifest.policy import KEY
from gitops_orch.manifest.suggest import did_you_mean
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.constraints import meets_all
from gitops_orch.model.problem import Position, Problem, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The apps that can be acted on, those that cannot, and why; each in the order of their keys."""

    apps: tuple[App, ...]
    broken: tuple[AppKey, ...]
    problems: tuple[Problem, ...]


def judge(files: Sequence[CompiledFile], documents: Documents) -> Verdict:
    """Judge all files of a tree; an app with a mistake is broken, and no other one is because of it."""
    named = {file.key: file for file in files if file.key is not None}
    problems = [problem for file in files for problem in file.problems]
    found: dict[AppKey, list[Problem]] = defaultdict(list)
    by_key, by_project = _groups(files)
    for judgement in (
        _repeated_keys(by_key),
        _repeated_projects(by_project),
        _unknown_hosts(named, documents),
        _unknown_apps(files, named),
        _circles(named),
        _clashes(named, by_key, documents),
        _split_networks(named, documents),
        _nowhere(named, documents),
    ):
        for key, problem in judgement:
            found[key].append(problem)
    broken = {key for key, file in named.items() if file.app is None}
    broken |= {key for key, some in found.items() if has_errors(some)}
    apps = [file.app for key, file in named.items() if file.app is not None and key not in broken]
    return Verdict(
        apps=tuple(sorted(apps, key=lambda app: (app.key.namespace, app.key.name))),
        broken=tuple(sorted(broken)),
        problems=(*problems, *(problem for some in found.values() for problem in some)),
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
        return  # the app may be in a file whose name is not even known
    known = [str(key) for key in named]
    for key, file in named.items():
        wanted = file.app.depends_on if file.app else ()
        for other, place in zip(wanted, file.dependency_places, strict=False):
            if other not in named:
                message = f"{KEY}.depends_on: there is no app {other}{did_you_mean(str(other), known)}"
                yield key, Problem(position=place, message=message)


def _circles(named: Mapping[AppKey, CompiledFile]) -> Iterator[tuple[AppKey, Problem]]:
    edges = {key: file.app.depends_on for key, file in named.items() if file.app and file.app.depends_on}
    for key in edges:
        circle = _circle(key, edges)
        if circle:
            file = named[key]
            shown = " -> ".join(str(step) for step in circle)
            place = file.dependency_places[0] if file.dependency_places else file.name_place
            yield (
                key,
                Problem(
                    position=place, message=f"{KEY}.depends_on: {shown} is a circle; remove one of the edges"
                ),
            )


def _circle(start: AppKey, edges: Mapping[AppKey, tuple[AppKey, ...]]) -> tuple[AppKey, ...]:
    """Return the way from an app back to itself; empty where there is none."""
    came_from: dict[AppKey, AppKey] = {}
    waiting = [start]
    while waiting:
        key = waiting.pop()
        for other in edges.get(key, ()):
            if other == start:
                return (*_trail(key, start, came_from), start)
            if other not in came_from:
                came_from[other] = key
                waiting.append(other)
    return ()


def _trail(end: AppKey, start: AppKey, came_from: Mapping[AppKey, AppKey]) -> tuple[AppKey, ...]:
    steps = [end]
    while steps[-1] != start:
        steps.append(came_from[steps[-1]])
    return tuple(reversed(steps))


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
            if file.app is None or len(candidates(file.app, hosts)) < 2:  # noqa: PLR2004  # one host splits nothing
                break
            message = (
                f"services.{service.name}: may run on other hosts than its peers in network {network}, which is no "
                "overlay and ends at the host; make it an overlay, or keep the services together"
            )
            place = service.position or Position(path=file.path)
            yield key, Problem(position=place, message=message, severity=Severity.WARNING)


def _nowhere(named: Mapping[AppKey, CompiledFile], documents: Documents) -> Iterator[tuple[AppKey, Problem]]:
    """Yield services whose constraints no host meets: with `mode: global` that is no mistake, and likely none meant."""
    for key, file in named.items() if documents.complete else ():
        if file.app is None:
            continue
        wanted = file.app.placement
        hosts = [host for host in documents.hosts if not wanted.hosts or host.name in wanted.hosts]
        for service in file.app.services:
            constraints = (*wanted.constraints, *service.placement.constraints)
            if constraints and not any(meets_all(host, constraints) for host in hosts):
                message = (
                    f"services.{service.name}: no host meets {' and '.join(constraints)}, so it runs nowhere; "
                    "change the constraints, or the labels of a host"
                )
                place = service.position or Position(path=file.path)
                yield key, Problem(position=place, message=message, severity=Severity.WARNING)
