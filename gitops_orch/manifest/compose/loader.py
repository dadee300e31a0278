"""Resolves a Compose file to the model that `docker compose config --format json` prints, or to all its mistakes.

Nothing here raises on bad input: one load finds all mistakes in all files of an app, with their positions.
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gitops_orch.manifest.compose.compose_variables import CommittedVariables, named_files, without_effect
from gitops_orch.manifest.compose.env_files import FileReader, add_service_files
from gitops_orch.manifest.compose.include import load_model
from gitops_orch.manifest.compose.pipeline import PROBLEMS_MAX, Scope, Session
from gitops_orch.manifest.compose.sources import Sources
from gitops_orch.manifest.keys.key import readers
from gitops_orch.manifest.keys.readers import OMIT, struct
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KINDS, resource_readers
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.problems.positions import LayeredPositions
from gitops_orch.manifest.problems.safe_quotes import SecretValues
from gitops_orch.manifest.problems.unset_variables import Unset
from gitops_orch.manifest.repository.locations import HOME, location_of
from gitops_orch.manifest.stages.defaults import normalise
from gitops_orch.manifest.stages.nul_characters import may_hold_nul
from gitops_orch.manifest.stages.reference_checks import reference_mistakes
from gitops_orch.manifest.stages.sections import services_of
from gitops_orch.manifest.syntax.interpolate import Interpolator, TemplateError
from gitops_orch.manifest.syntax.yaml_scalars import Timestamp
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.model.tree import Tree

NAME_LENGTH_MAX = 250
_PROJECT_SIGNS = re.compile(r"[^a-z0-9_-]")
_SERVICE = struct(readers(SERVICE_KEYS))
_RESOURCES = resource_readers()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeRequest:
    """The file to load, and the settings for it."""

    tree: Tree
    path: str  # of the Compose file in the tree
    variables: Mapping[str, str] = field(default_factory=dict)  # the fleet's; `.env` files override them
    environment: str | None = None  # None: no overlay and no `.env.<environment>`
    default_name: str | None = None  # for a file without a name; None: its directory's name
    profiles: tuple[str, ...] | None = None  # None: COMPOSE_PROFILES of the committed variables


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCompose:
    """The result of one load; `model` is usable only if `problems` has no error."""

    name: str  # of the project
    model: dict[str, Any]  # as Compose prints it, without doubled dollar signs (see `printed`)
    positions: LayeredPositions
    x_gitops: Any = None  # None: absent
    service_x_gitops: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()  # the app's own Compose files, each merged over the ones before
    inputs: tuple[str, ...] = ()  # files that were read
    may_hold_nul: bool = False  # whether the model has to be searched for NUL characters
    # Files that were looked for and do not exist; adding one of them changes the result.
    missing: tuple[str, ...] = ()
    included: tuple[str, ...] = ()  # Compose files that this one includes or extends
    extended: tuple[str, ...] = ()  # the files of `included` that it extends
    unset_variables: tuple[Unset, ...] = ()  # without those that a problem names
    project_dir: str = "/"
    variables: Mapping[str, str] = field(default_factory=dict)  # all committed variables that this app sees
    # ("secrets", key): content from a variable
    contents: Mapping[tuple[str, str], str] = field(default_factory=dict)
    implicit_names: frozenset[tuple[str, str]] = frozenset()  # resources that are named after the project
    secret_values: SecretValues = field(default_factory=SecretValues)
    disabled: tuple[str, ...] = ()  # services that no active profile selects

    @property
    def failed(self) -> bool:
        """Return whether the file has a mistake, and not only warnings."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)


def load_compose(request: ComposeRequest) -> LoadedCompose:
    """Return the resolved model of a Compose file, with every problem of it and of the files that it uses."""
    problems: list[Problem] = []
    sources = Sources(tree=request.tree, problems=problems)
    session = Session(sources=sources, problems=problems)
    location = location_of(request.tree, request.path)
    committed = _committed_variables(request, sources)
    problems += without_effect(committed, sources)
    variables = committed.all
    files = [*named_files(request.path, committed, sources), *_overlays(request, sources)]
    default = request.default_name or normal_name(posixpath.basename(location.directory))
    name = _project_name(files, session, variables, default)
    if len(name) > NAME_LENGTH_MAX:  # every resource has it in its name
        message = f"the project's name has {len(name)} characters, at most {NAME_LENGTH_MAX} are read"
        problems.append(Problem(position=Position(path=request.path), message=message))
        name = name[:NAME_LENGTH_MAX]
    variables["COMPOSE_PROJECT_NAME"] = name
    scope = Scope(
        session=session, location=location, data_location=location, variables=variables, including=()
    )
    model = load_model(files, scope)
    if not model and not problems and not scope.report.failed:
        problems.append(
            Problem(position=Position(path=request.path), message="the file is empty; write services:")
        )
    _check_name(name, request.path, problems)
    implicit = normalise(model, variables, name, scope.report)
    printed_model, disabled = _printed(model, scope, _profiles(request, variables), name)
    session.report(scope.report, scope.layers)
    return LoadedCompose(
        name=name,
        model=printed_model,
        positions=LayeredPositions(scope.layers),
        x_gitops=_plain(model.get("x-gitops"), printed_empty=[]),
        service_x_gitops={
            key: _plain(service["x-gitops"], printed_empty=[])
            for key, service in services_of(model).items()
            if "x-gitops" in service and key in printed_model["services"]
        },
        problems=tuple(dict.fromkeys(problems)),
        files=tuple(files),
        inputs=tuple(sources.inputs),
        may_hold_nul=may_hold_nul(sources.inputs.values()),
        missing=tuple(sorted(sources.missing)),
        included=tuple(session.reached),
        extended=tuple(session.extended_paths),
        unset_variables=(*session.unset_uses(), *sources.unset),
        project_dir=location.directory,
        variables=variables,
        contents=session.contents,
        implicit_names=implicit,
        secret_values=session.secret_values,
        disabled=disabled,
    )


def normal_name(text: str) -> str:
    """Return a text as Compose converts it to a project's name; "" where nothing is left."""
    return _PROJECT_SIGNS.sub("", text.lower()).lstrip("_-")


def printed(value: Any) -> Any:
    """Return a model with every dollar sign doubled, which is how `docker compose config` prints it."""
    if type(value) is str:
        return value.replace("$", "$$") if "$" in value else value
    if type(value) is dict:
        return {printed(key): printed(each) for key, each in value.items()}
    return [printed(each) for each in value] if type(value) is list else value


def _committed_variables(request: ComposeRequest, sources: Sources) -> CommittedVariables:
    variables = {"HOME": HOME, **request.variables}
    own: dict[str, str] = {}
    origins: dict[str, str] = {}
    directory = posixpath.dirname(request.path)
    names = [".env"] if request.environment is None else [".env", f".env.{request.environment}"]
    for name in names:
        path = posixpath.join(directory, name)
        if sources.has(path):
            found = sources.variables(path, variables, own_first=True)
            if "" in found:
                message = "a line has no name, or the last line no end; write NAME=value"
                sources.problems.append(Problem(position=Position(path=path), message=message))
            variables.update(found)
            own.update(found)
            origins.update(dict.fromkeys(found, path))
    return CommittedVariables(all=variables, own=own, origins=origins)


def _overlays(request: ComposeRequest, sources: Sources) -> list[str]:
    if request.environment is None:
        return []
    stem = posixpath.splitext(request.path)[0]
    found = [
        path for suffix in ("yaml", "yml") if sources.has(path := f"{stem}.{request.environment}.{suffix}")
    ]
    return found[:1]


def _project_name(files: list[str], session: Session, variables: Mapping[str, str], default: str) -> str:
    forced = variables.get("COMPOSE_PROJECT_NAME", "")
    if forced:
        return forced
    written = ""
    for path in files:
        for document in session.sources.documents(path) or ():
            name = document.value.get("name") if type(document.value) is dict else None
            written = name if type(name) is str and name else written
    try:
        # A variable that cannot be replaced is reported when the file itself is interpolated.
        text = Interpolator(variables=variables).text(written)
        return normal_name(text) if text or written else default
    except TemplateError:
        return default


def _check_name(name: str, path: str, problems: list[Problem]) -> None:
    if not name:
        problems.append(
            Problem(position=Position(path=path), message="the project has no name; write name: at the top")
        )
    elif normal_name(name) != name:
        message = (
            f"COMPOSE_PROJECT_NAME is {name!r}; use lower-case letters, digits, hyphens and underscores, "
            "and begin with a letter or a digit"
        )
        problems.append(Problem(position=Position(path=path), message=message))


def _profiles(request: ComposeRequest, variables: Mapping[str, str]) -> frozenset[str]:
    if request.profiles is not None:
        return frozenset(request.profiles)
    return frozenset(each.strip() for each in variables.get("COMPOSE_PROFILES", "").split(","))


def _printed(
    model: dict[str, Any], scope: Scope, profiles: frozenset[str], name: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a complete model as Compose prints it, and the services that are off."""
    report = scope.report
    enabled: dict[str, Any] = {}
    disabled: dict[str, Any] = {}
    for key, body in services_of(model).items():
        report.trail = ["services", key]
        service = {"command": None, "entrypoint": None, **_SERVICE(body, report)}
        wanted = service.get("profiles", ())
        if "scale" in service and "deploy" in service:
            service["deploy"].setdefault("replicas", service["scale"])
        active = not wanted or "*" in profiles or not profiles.isdisjoint(wanted)
        (enabled if active else disabled)[key] = service
    result: dict[str, Any] = {"name": name, "services": enabled}
    for kind in RESOURCE_KINDS:
        result[kind] = _resources(kind, model.get(kind) or {}, report)
    report.trail = []
    mistakes = reference_mistakes(result, disabled, report.flawed("services"))
    for path, message in islice(mistakes, PROBLEMS_MAX):
        report.error_at(path, message)
    reader = FileReader(scope.session.sources, scope.location.root, report)
    add_service_files(enabled, model["services"] if enabled else {}, dict(scope.variables), reader)
    _prune(result)
    result |= {key: _plain(value, printed_empty=None) for key, value in model.items() if key.startswith("x-")}
    return result, tuple(sorted(disabled))


def _resources(kind: str, resources: Mapping[str, Any], report: Report) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, body in resources.items():
        report.trail = [kind, key]
        read = _RESOURCES[kind](body, report)
        if read is not OMIT:
            found[key] = read
    return found


def _prune(result: dict[str, Any]) -> None:
    """Remove the resources that no active service uses, as Compose does."""
    used: dict[str, set[str]] = {kind: set() for kind in RESOURCE_KINDS}
    for service in result["services"].values():
        used["networks"].update(service.get("networks") or ())
        used["volumes"].update(
            each["source"]
            for each in service.get("volumes") or ()
            if each.get("type") == "volume" and each.get("source")
        )
        secrets = [*(service.get("secrets") or ()), *((service.get("build") or {}).get("secrets") or ())]
        used["secrets"].update(each.get("source", "") for each in secrets)
        used["configs"].update(each.get("source", "") for each in service.get("configs") or ())
    for kind, names in used.items():
        kept = {key: body for key, body in result.pop(kind).items() if key in names}
        if kept:
            result[kind] = kept
    for config in (result.get("configs") or {}).values():
        if config.get("environment"):
            config.pop("content", None)


def _plain(value: Any, *, printed_empty: Any) -> Any:
    """Return an extension's value as JSON; Compose prints its empty lists as null."""
    if type(value) is dict:
        return {key: _plain(each, printed_empty=printed_empty) for key, each in value.items()}
    if type(value) is list:
        return [_plain(each, printed_empty=printed_empty) for each in value] or printed_empty
    return value.json if isinstance(value, Timestamp) else value
