"""Compose files to one model: parse, interpolate, extend, include, merge, check, expand - in Compose's order.

Note [Poisoned values]: a value that the schema refuses is reported and taken out, so that every later stage can trust
the types it sees and all mistakes of a file are found in one go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gitops_orch.manifest.compose.sources import Sources
from gitops_orch.manifest.problems.limits import TOO_GROWN, SizeBudget
from gitops_orch.manifest.problems.model_problems import Finding, Report, dotted, shortened
from gitops_orch.manifest.problems.positions import KeyPath, Layer, LayeredPositions
from gitops_orch.manifest.problems.safe_quotes import SecretValues, is_by_chance, may_be_secret, unquoted
from gitops_orch.manifest.problems.unset_variables import HIDDEN, Unset, host_path_after, naming
from gitops_orch.manifest.schema.compose_schema import MISTAKES_MAX, schema_mistakes
from gitops_orch.manifest.stages.absolute_paths import resolve_paths
from gitops_orch.manifest.stages.defaults import add_defaults, resolve_variables
from gitops_orch.manifest.stages.field_checks import check_forms
from gitops_orch.manifest.stages.list_keys import drop_overridden
from gitops_orch.manifest.stages.locations import Location
from gitops_orch.manifest.stages.long_forms import RESOURCE_KINDS, expand_model
from gitops_orch.manifest.stages.merge import merge_models
from gitops_orch.manifest.stages.sections import resources_of
from gitops_orch.manifest.syntax.go_values import shown
from gitops_orch.manifest.syntax.interpolate import Interpolator, interpolate
from gitops_orch.manifest.yaml.yaml_document import Document
from gitops_orch.model.problem import Position, Problem, Severity

PROBLEMS_MAX = 500  # of one app: beyond that, one more sentence helps nobody
_TEXT_MAPS = frozenset(
    ("environment", "labels", "args", "annotations", "sysctls", "driver_opts", "options", "storage_opt")
)
# A file that `extends` names, and what the variables that it uses are; to its services and what it resets.
Reading: TypeAlias = tuple[str, tuple[tuple[str, str | None], ...]]
Extended: TypeAlias = tuple[dict[str, Any], tuple[KeyPath, ...]]
_ABSENT = object()
_HOLE = object()  # where a list's entry was refused


@dataclass(slots=True, kw_only=True)
class Session:
    """One app's load: where it reads, with which variables, and what it found so far."""

    sources: Sources
    problems: list[Problem]
    unset: dict[Unset, None] = field(default_factory=dict)
    empty: dict[Position, list[str]] = field(default_factory=dict)  # the unset variables of a place
    explained: set[Position] = field(default_factory=set)  # places whose mistake names its unset variables
    reported: set[tuple[Position, KeyPath, str]] = field(default_factory=set)
    reached: dict[str, None] = field(default_factory=dict)  # Compose files that others include or extend
    extended_paths: dict[str, None] = field(default_factory=dict)  # those of them that are extended
    contents: dict[tuple[str, str], str] = field(default_factory=dict)  # secrets and configs from variables
    secret_values: SecretValues = field(default_factory=SecretValues)
    searched: SizeBudget = field(
        default_factory=SizeBudget
    )  # for what is read of extended files, and not used
    extended: dict[Reading, Extended | str] = field(default_factory=dict)
    included_count: int = 0

    @property
    def budget(self) -> SizeBudget:
        """Return what the app holds so far."""
        return self.sources.budget

    @property
    def has_room(self) -> bool:
        """Return whether one more problem is worth telling."""
        return len(self.problems) < PROBLEMS_MAX

    def report(self, report: Report, layers: list[Layer]) -> None:
        """Turn what was found about a model into problems with positions."""
        if not report.findings:
            return
        positions = LayeredPositions(layers)
        for finding in report.findings:
            if not self.has_room:
                break
            self.add(positions.at(finding.path), finding)
        report.findings.clear()

    def add(self, where: Position, finding: Finding) -> None:
        """Take down a problem, once for a place: what many values take over from one anchor is one mistake."""
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
        """Take down where a variable is used that is not set."""
        if len(self.unset) < PROBLEMS_MAX and use not in self.unset:
            self.unset[use] = None
            self.empty.setdefault(use.position, []).append(use.name)

    def unset_uses(self) -> tuple[Unset, ...]:
        """Return the uses of unset variables that no mistake names."""
        return tuple(use for use in self.unset if use.position not in self.explained)


@dataclass(slots=True, kw_only=True)
class Scope:
    """One model in the making: the app's own, or one that it includes."""

    session: Session
    location: Location  # that `extends` and `include` start from
    data_location: Location  # that every other path starts from
    variables: Mapping[str, str]
    including: tuple[str, ...]  # the files that led here, for cycles
    layers: list[Layer] = field(default_factory=list)
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        """Let the report count into the app's budget."""
        self.report = Report(budget=self.session.budget)

    def interpolated(self, document: Document) -> Any:
        """Return the document's value with variables replaced; mistakes carry the document's own positions."""
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
    """Return the tree with mappings and lists of its own; `deepcopy` costs ten times as much."""
    if type(value) is dict:
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if type(value) is list else value


def without_mistakes(model: dict[str, Any], report: Report) -> None:
    """Report what the schema refuses, and take it out of the model (Note [Poisoned values])."""
    mistakes = schema_mistakes(model)
    if not mistakes:
        return
    for path, message in mistakes:
        if message:
            report.error_at(path, message)
    for path, _ in sorted(mistakes, key=lambda mistake: tuple(map(str, mistake[0])), reverse=True):
        _remove(model, path)
    _drop_holes(model)
    if len(mistakes) >= MISTAKES_MAX:  # there may be more, which nobody looked for
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
    """Warn where a number, a date or a word becomes another text than is written."""
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
    """Close the gaps that refused list entries left."""
    children = value.values() if type(value) is dict else value if type(value) is list else ()
    for child in children:
        _drop_holes(child)
    if type(value) is list:
        value[:] = [each for each in value if each is not _HOLE]


def complete(model: dict[str, Any], scope: Scope) -> None:
    """Add what stands in no file: defaults, absolute paths, values of variables; in place."""
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
    """Delete what a later document resets or overrides, in place."""
    for path in resets:
        parent = model
        for key in path[:-1]:
            parent = parent.get(key) if type(parent) is dict else None
        if type(parent) is dict and path:
            parent.pop(path[-1], None)
