"""Compose files to one model, in Compose's order: parse, interpolate, extend, include, merge, check, expand.

Note [Poisoned values]
A value that the schema refuses is reported and removed. So every later stage can rely on the types that it sees, and
one load finds all mistakes of a file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gitops_orch.manifest.compose.sources import Sources
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KINDS
from gitops_orch.manifest.problems.limits import TOO_GROWN, SizeBudget
from gitops_orch.manifest.problems.model_problems import Finding, Report, dotted, shortened
from gitops_orch.manifest.problems.positions import KeyPath, Layer, LayeredPositions
from gitops_orch.manifest.problems.safe_quotes import SecretValues, is_by_chance, may_be_secret, unquoted
from gitops_orch.manifest.problems.unset_variables import HIDDEN, Unset, host_path_after, naming
from gitops_orch.manifest.repository.locations import Location
from gitops_orch.manifest.schema.compose_schema import MISTAKES_MAX, schema_mistakes
from gitops_orch.manifest.stages.absolute_paths import resolve_paths
from gitops_orch.manifest.stages.defaults import add_defaults, resolve_variables
from gitops_orch.manifest.stages.field_checks import check_forms
from gitops_orch.manifest.stages.list_keys import drop_overridden
from gitops_orch.manifest.stages.long_forms import expand_model
from gitops_orch.manifest.stages.merge import merge_models
from gitops_orch.manifest.stages.sections import resources_of
from gitops_orch.manifest.syntax.go_values import shown
from gitops_orch.manifest.syntax.interpolate import Interpolator, interpolate
from gitops_orch.manifest.yaml.yaml_document import Document
from gitops_orch.model.problem import Position, Problem, Severity

PROBLEMS_MAX = 500  # of one app: more problems are of no use
_TEXT_MAPS = frozenset(
    ("environment", "labels", "args", "annotations", "sysctls", "driver_opts", "options", "storage_opt")
)
# Reading: an extended file, and the values of the variables that it uses. Extended: its services, and the paths that it
# resets.
Reading: TypeAlias = tuple[str, tuple[tuple[str, str | None], ...]]
Extended: TypeAlias = tuple[dict[str, Any], tuple[KeyPath, ...]]
_ABSENT = object()
_HOLE = object()  # the place of a refused list entry


@dataclass(slots=True, kw_only=True)
class Session:
    """One app's load: its files and variables, and the problems found so far."""

    sources: Sources
    problems: list[Problem]
    unset: dict[Unset, None] = field(default_factory=dict)
    empty: dict[Position, list[str]] = field(default_factory=dict)  # the unset variables at a position
    # Positions with a mistake that names its unset variables
    explained: set[Position] = field(default_factory=set)
    reported: set[tuple[Position, KeyPath, str]] = field(default_factory=set)
    reached: dict[str, None] = field(default_factory=dict)  # Compose files that others include or extend
    extended_paths: dict[str, None] = field(default_factory=dict)  # the files of `reached` that are extended
    contents: dict[tuple[str, str], str] = field(default_factory=dict)  # secrets and configs from variables
    secret_values: SecretValues = field(default_factory=SecretValues)
    # For values of extended files that are read but not used
    searched: SizeBudget = field(default_factory=SizeBudget)
    extended: dict[Reading, Extended | str] = field(default_factory=dict)
    included_count: int = 0

    @property
    def budget(self) -> SizeBudget:
        """Return the size of the app so far."""
        return self.sources.budget

    @property
    def has_room(self) -> bool:
        """Return whether one more problem may be added."""
        return len(self.problems) < PROBLEMS_MAX

    def report(self, report: Report, layers: list[Layer]) -> None:
        """Convert the findings about a model to problems with positions."""
        if not report.findings:
            return
        positions = LayeredPositions(layers)
        for finding in report.findings:
            if not self.has_room:
                break
            self.add(positions.at(finding.path), finding)
        report.findings.clear()

    def add(self, where: Position, finding: Finding) -> None:
        """Add a problem, once for a position: a mistake in an anchor is one mistake, even if many values use it."""
        shown = unquoted(finding.path, finding.message, self.secret_values)
        key = (where, finding.path[-1:], shown)
        if not self.has_room or key in self.reported:
            return
        self.reported.add(key)
        message = f"{dotted(finding.path)}: {shown}" if finding.path else shown
        if finding.severity is Severity.ERROR and where in self.empty:
            self.explained.add(where)
            message += naming(self.empty[where])
        problem = Problem(position=where, message=shortened(message), severity=finding.severity)
        self.problems.append(problem)

    def note_unset(self, use: Unset) -> None:
        """Record the use of a variable that is not set."""
        if len(self.unset) < PROBLEMS_MAX and use not in self.unset:
            self.unset[use] = None
            self.empty.setdefault(use.position, []).append(use.name)

    def unset_uses(self) -> tuple[Unset, ...]:
        """Return the uses of unset variables that no mistake names."""
        return tuple(use for use in self.unset if use.position not in self.explained)


@dataclass(slots=True, kw_only=True)
class Scope:
    """One model that is being loaded: the app's own, or one that it includes."""

    session: Session
    location: Location  # the directory for paths of `extends` and `include`
    data_location: Location  # the directory for all other paths
    variables: Mapping[str, str]
    including: tuple[str, ...]  # the files that led here, to detect cycles
    layers: list[Layer] = field(default_factory=list)
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        """Count the report's values in the app's budget."""
        self.report = Report(budget=self.session.budget)

    def interpolated(self, document: Document) -> Any:
        """Return the document's value with variables replaced; mistakes have positions of the document."""
        if not document.has_dollars:
            return copied(document.value)
        positions, session = document.positions, self.session

        def report_to(path: KeyPath, message: str) -> None:
            session.add(positions.at(path), Finding(path, shortened(message)))

        def unset(path: KeyPath, name: str, template: str) -> None:
            may_report = not may_be_secret(path) or not is_by_chance(template, name)
            place, host_path = positions.at(path), host_path_after(path, template, name)
            session.note_unset(Unset(name if may_report else HIDDEN, place, host_path))

        def used(path: KeyPath, names: Sequence[str]) -> None:
            session.secret_values.note(path, names, self.variables)

        interpolator = Interpolator(variables=self.variables, budget=session.budget)
        return interpolate(document.value, interpolator, report_to, unset, used)


def copied(value: Any) -> Any:
    """Return a copy of the tree's mappings and lists; `deepcopy` takes ten times as long."""
    if type(value) is dict:
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if type(value) is list else value


def without_mistakes(model: dict[str, Any], report: Report) -> None:
    """Report the values that the schema refuses, and remove them from the model (Note [Poisoned values])."""
    mistakes = schema_mistakes(model)
    if not mistakes:
        return
    for path, message in mistakes:
        if message:
            report.error_at(path, message)
    for path, _ in sorted(mistakes, key=lambda mistake: tuple(map(str, mistake[0])), reverse=True):
        _remove(model, path)
    _drop_holes(model)
    if len(mistakes) >= MISTAKES_MAX:  # the search stopped there, so there may be more
        for kind in ("services", *RESOURCE_KINDS):
            model.pop(kind, None)


def _remove(model: Any, path: KeyPath) -> None:
    parent = model
    for key in path[:-1]:
        parent = _child(parent, key)
    if path and _child(parent, path[-1]) is not _ABSENT:
        if type(parent) is dict:
            del parent[path[-1]]
        else:
            parent[path[-1]] = _HOLE


def _child(parent: Any, key: str | int) -> Any:
    if type(parent) is dict:
        return parent.get(key, _ABSENT)
    if isinstance(parent, list) and isinstance(key, int) and key < len(parent):
        return parent[key]
    return _ABSENT


def warn_of_scalars(document: Document, report: Report) -> None:
    """Warn where a number, a date or a word becomes a different text than the written one."""
    for surprise in document.surprises:
        if len(surprise.path) > 1 and surprise.path[-2] in _TEXT_MAPS:
            message = (
                "the value becomes another text than is written; quote it"
                if may_be_secret(surprise.path)
                else f"{surprise.written[:40]} becomes the text {shown(surprise.value)}; quote it"
            )
            report.findings.append(Finding(surprise.path, message, Severity.WARNING))


def add_document(model: dict[str, Any], value: dict[str, Any], report: Report) -> dict[str, Any]:
    """Return the model with one more document merged over it, checked and in long forms."""
    merged = merge_models(model, value, report)
    drop_overridden(merged, report)
    without_mistakes(merged, report)
    merged.pop("version", None)
    expand_model(merged, report)
    drop_overridden(merged, report)
    return merged


def _drop_holes(value: Any) -> None:
    """Remove the places of refused list entries."""
    children = value.values() if type(value) is dict else value if type(value) is list else ()
    for child in children:
        _drop_holes(child)
    if type(value) is list:
        value[:] = [each for each in value if each is not _HOLE]


def complete(model: dict[str, Any], scope: Scope) -> None:
    """Add values that are in no file: defaults, absolute paths, values of variables; in place."""
    add_defaults(model)
    check_forms(model, scope.report)
    resolve_paths(model, scope.data_location, scope.report)
    for kind in ("secrets", "configs"):
        for key, resource in resources_of(model, kind).items():
            content = scope.variables.get(resource.get("environment", ""))
            if content is None or (kind, key) in scope.session.contents:
                continue
            if not scope.session.budget.may_grow(len(content)):
                scope.report.error_at((kind, key, "environment"), TOO_GROWN)
            else:
                scope.session.contents[(kind, key)] = content
    resolve_variables(model, scope.variables, scope.report, maps=False)


def apply_resets(model: Any, resets: tuple[KeyPath, ...]) -> None:
    """Delete the paths that a later document resets or overrides, in place."""
    for path in resets:
        parent = model
        for key in path[:-1]:
            parent = parent.get(key) if type(parent) is dict else None
        if type(parent) is dict and path:
            parent.pop(path[-1], None)
