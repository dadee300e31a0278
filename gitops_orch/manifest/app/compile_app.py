"""Compiles one Compose file to an app, or to all mistakes in it, with everything that the result depends on."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import islice
from posixpath import dirname
from typing import Any

from yaml.nodes import MappingNode

from gitops_orch.manifest.app.app_checks import check_after, check_before, explain_unknown_key, split_networks
from gitops_orch.manifest.app.compile_service import compile_service
from gitops_orch.manifest.app.exclusive_resources import Claim, clashes_within, collect_claims
from gitops_orch.manifest.app.mounted_files import ContentReader
from gitops_orch.manifest.app.policy import (
    KEY,
    AppPolicy,
    declared_fragment,
    is_name,
    read_namespace,
    read_policy,
)
from gitops_orch.manifest.compose.loader import ComposeRequest, LoadedCompose, load_compose
from gitops_orch.manifest.problems.collector import PROBLEMS_MAX, Findings, is_error
from gitops_orch.manifest.problems.positions import Positions
from gitops_orch.manifest.problems.unset_variables import unset_problems
from gitops_orch.manifest.repository.discover import default_app_name
from gitops_orch.manifest.repository.git_files import GitFiles, readable
from gitops_orch.manifest.stages.nul_characters import check_nul
from gitops_orch.model.app import App, AppKey, Condition, Network, Service, Volume
from gitops_orch.model.display.variable_secrets import forms_of_all, secrets_of
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.model.sensitive.secret_words import REDACTED


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileSettings:
    """The settings, in addition to the tree, that decide how a Compose file is read."""

    variables: Mapping[str, str]  # the fleet's variables
    defaults: Mapping[str, Any]  # the fleet's defaults, in the shape of x-gitops
    environment: str | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledFile:
    """The result of one Compose file.

    `key` None means that not even the app's name is known. `read` and `searched` are the paths and directories that the
    result depends on, existing or not.
    """

    path: str
    key: AppKey | None
    app: App | None
    problems: tuple[Problem, ...]
    included: tuple[str, ...]
    name_place: Position
    claims: tuple[Claim, ...] = ()
    # Services that may run apart from their peers, with the network they share
    splits: tuple[tuple[Service, str], ...] = ()
    host_places: tuple[Position, ...] = ()  # in the order of App.placement.hosts
    dependency_places: tuple[Position, ...] = ()  # in the order of App.depends_on
    extended: tuple[str, ...] = ()  # the files of `included` from which single services are extended
    fragment: bool | None = None  # the file's own declaration; None where it has none
    read: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()


def compile_file(git: GitFiles, path: str, settings: CompileSettings) -> CompiledFile:
    """Read, resolve and check one Compose file of a tree that is rooted at git_files.ROOT."""
    request = ComposeRequest(
        tree=git.tree,
        path=path,
        variables=settings.variables,
        environment=settings.environment,
        default_name=default_app_name(path, git.tree),
    )
    loaded = load_compose(request)
    findings = Findings(loaded.positions.at, loaded.positions.has_value, loaded.secret_values)
    findings.extend(_worded(loaded, settings))
    key = _key(loaded)
    policy = read_policy(loaded.x_gitops, settings.defaults, findings)
    reader = ContentReader(
        git=git,
        base=dirname(path),
        variables=loaded.variables,
        contents=loaded.contents,
        findings=findings,
    )
    _check_active(loaded, findings)
    check_before(loaded.model, findings)
    if loaded.may_hold_nul:
        check_nul(loaded.model, findings)
    app = None
    claims: tuple[Claim, ...] = ()
    if key is not None and policy is not None and not findings.failed:
        app = _app(key, path, policy, loaded, reader)
        check_after(app, findings)
        claims = collect_claims(app, findings)
        findings.extend(islice(clashes_within(app, claims), PROBLEMS_MAX))
    hosts, dependencies = _places(policy, findings)
    return CompiledFile(
        path=path,
        key=key,
        app=None if findings.failed else app,
        problems=tuple(_without_secrets(findings.problems, loaded)),
        included=loaded.included,
        extended=loaded.extended,
        fragment=declared_fragment(loaded.x_gitops),
        name_place=findings.place(("name",)),
        claims=claims,
        splits=tuple(split_networks(app)) if app else (),
        host_places=hosts,
        dependency_places=dependencies,
        read=tuple(sorted({path, *loaded.inputs, *loaded.missing, *reader.paths})),
        searched=tuple(sorted(reader.directories)),
    )


def _worded(loaded: LoadedCompose, settings: CompileSettings) -> Iterator[Problem]:
    for problem in loaded.problems:
        yield explain_unknown_key(replace(problem, message=readable(problem.message)))
    severity = Severity.ERROR if settings.strict else Severity.WARNING
    yield from unset_problems(loaded.unset_variables, severity)


def _without_secrets(problems: Sequence[Problem], loaded: LoadedCompose) -> Iterator[Problem]:
    """Yield the problems with secret values of variables redacted, wherever a message repeats one."""
    hidden = _secrets(loaded) | _declared_secrets(loaded) if problems else frozenset()
    forms = forms_of_all(hidden)
    for problem in problems:
        message = problem.message
        for form in forms:
            message = message.replace(form, REDACTED)
        yield problem if message == problem.message else replace(problem, message=message)


def _declared_secrets(loaded: LoadedCompose) -> frozenset[str]:
    bodies: Mapping[str, Any] = loaded.model["services"]
    environments = [body.get("environment") for body in bodies.values()]
    rows = [pair for each in environments if isinstance(each, Mapping) for pair in each.items()]
    return secrets_of([(name, str(value)) for name, value in rows if value is not None], tuple(bodies))


def _check_active(loaded: LoadedCompose, findings: Findings) -> None:
    if loaded.failed or loaded.model["services"] or not loaded.disabled:
        return
    *others, last = loaded.disabled
    names = f"{', '.join(others)} and {last} wait" if others else f"{last} waits"
    findings.warn(
        ("services",),
        f"none is active, so nothing runs: {names} for a profile; name one in COMPOSE_PROFILES in .env beside the "
        "Compose file, or remove profiles",
    )


def _key(loaded: LoadedCompose) -> AppKey | None:
    if not _is_named(loaded) or not is_name(loaded.name):
        return None  # the loader has reported the reason
    namespace = read_namespace(loaded.x_gitops)
    return None if namespace is None else AppKey(namespace=namespace, name=loaded.name)


def _is_named(loaded: LoadedCompose) -> bool:
    """Return whether everything that can name the app was read; a guess could make the running app look deleted."""
    sources, layers = _own_layers(loaded)
    read = {positions.path for positions in layers if isinstance(positions.root, MappingNode)}
    if not sources <= read:
        return False  # a list, a text, nothing: its name is lost with the rest
    places = {place for place, depth in (positions.find(("name",)) for positions in layers) if depth}
    return not any(problem.position in places and is_error(problem) for problem in loaded.problems)


def _own_layers(loaded: LoadedCompose) -> tuple[set[str], list[Positions]]:
    """Return the app's own files, and the documents of all files that it merges as a whole, included ones too."""
    sources = {path for path in loaded.files if path in loaded.inputs}
    return sources, [positions for prefix, positions, _ in loaded.positions.layers if not prefix]


def _app(key: AppKey, path: str, policy: AppPolicy, loaded: LoadedCompose, reader: ContentReader) -> App:
    model = loaded.model
    bodies: Mapping[str, Any] = model.get("services") or {}
    awaited = _awaited(bodies)
    services = tuple(
        compile_service(name, model, loaded.service_x_gitops.get(name), reader, awaited=name in awaited)
        for name in sorted(bodies)
    )
    app = App(
        key=key,
        path=path,
        digest="",
        services=services,
        networks=tuple(
            Network(key=k, name=_object_name(key, loaded, "networks", k), external=e, compose=rest)
            for k, e, rest in _objects(model, "networks")
        ),
        volumes=tuple(
            Volume(key=k, name=_object_name(key, loaded, "volumes", k), external=e, compose=rest)
            for k, e, rest in _objects(model, "volumes")
        ),
        placement=policy.placement,
        depends_on=policy.depends_on,
        rollout=policy.rollout,
        rollback=policy.rollback,
        move=policy.move,
        adopt=policy.adopt,
        drift=policy.drift,
        files=policy.files,
        prune=policy.prune,
        hold=policy.hold,
        replace_volumes=policy.replace_volumes,
        secrets=_secrets(loaded),
    )
    text = _canonical(app, policy)
    return replace(app, digest=hashlib.sha256(text.encode()).hexdigest())


def _secrets(loaded: LoadedCompose) -> frozenset[str]:
    """Return the secret variables of `.env` and the Fleet: by their names, or because a secret is built from them."""
    created = [("SECRET", content) for (kind, _), content in loaded.contents.items() if kind == "secrets"]
    return secrets_of([*loaded.variables.items(), *created], (loaded.name, *(loaded.model["services"])))


def _awaited(bodies: Mapping[str, Any]) -> set[str]:
    """Return the services that others wait for to complete."""
    return {
        name
        for body in bodies.values()
        for name, edge in (body.get("depends_on") or {}).items()
        if edge.get("condition") == Condition.COMPLETED.value
    }


def _objects(model: Mapping[str, Any], kind: str) -> Iterator[tuple[str, bool, Mapping[str, Any]]]:
    for key, raw in sorted((model.get(kind) or {}).items()):
        body: Mapping[str, Any] = raw or {}
        rest = {name: value for name, value in body.items() if name not in ("name", "external")}
        yield key, bool(body.get("external")), rest


def _object_name(app: AppKey, loaded: LoadedCompose, kind: str, key: str) -> str:
    """Return the name of a network or volume on the Engine; Compose's default name begins with our project's name."""
    if (kind, key) in loaded.implicit_names:
        return f"{app.project}_{key}"
    return str((loaded.model[kind][key] or {}).get("name") or key)


def _places(
    policy: AppPolicy | None, findings: Findings
) -> tuple[tuple[Position, ...], tuple[Position, ...]]:
    if policy is None:
        return (), ()
    hosts = policy.placement.hosts
    dependencies = policy.depends_on
    return (
        tuple(findings.place((KEY, "placement", "hosts", index)) for index in range(len(hosts))),
        tuple(findings.place((KEY, "depends_on", index)) for index in range(len(dependencies))),
    )


def _canonical(app: App, policy: AppPolicy) -> str:
    """Return one text for everything that an app resolves to."""
    return json.dumps(
        [
            str(app.key),
            [_service_parts(service) for service in app.services],
            [[network.name, network.external, network.compose] for network in app.networks],
            [[volume.name, volume.external, volume.compose] for volume in app.volumes],
            policy.fingerprint,
        ],
        sort_keys=True,
        separators=(",", ":"),
    )


def _service_parts(service: Service) -> list[object]:
    files = [
        [file.target, file.digest, file.directory, file.secret, file.writable_path] for file in service.files
    ]
    # A setting that is not used is left out, so that digests stay the same
    reload = [service.reload] if service.reload else []
    readiness = [] if service.readiness is None else [["readiness", *astuple(service.readiness)]]
    head = [service.name, service.compose, service.stateful, files]
    return [*head, *reload, *readiness, *_job_parts(service)]


def _job_parts(service: Service) -> list[object]:
    schedule = service.schedule
    if schedule is None:
        return [] if service.job_deadline_s is None else [["job", service.job_deadline_s]]
    parts = (schedule.expression, schedule.timezone, schedule.concurrency.value, schedule.deadline_s)
    return [["job", *parts, schedule.history]]
