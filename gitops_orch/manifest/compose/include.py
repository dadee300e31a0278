"""`include`: adds the services and resources of other Compose files of the repository to a model.

The app's own model and an included one are loaded by the same steps, so both are in this module.
"""

import posixpath
from typing import Any

from gitops_orch.manifest.compose.extends import apply_extends
from gitops_orch.manifest.compose.pipeline import (
    Scope,
    Session,
    add_document,
    apply_resets,
    complete,
    warn_of_scalars,
)
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KINDS
from gitops_orch.manifest.problems.limits import MERGED_MAX, TOO_LARGE, size_of
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.problems.suggest import did_you_mean
from gitops_orch.manifest.repository.locations import Location, repository_path
from gitops_orch.manifest.schema.compose_schema import describe, kind_of
from gitops_orch.manifest.yaml.yaml_document import Document

DEPTH_MAX = 20
INCLUDES_MAX = 200  # over one app, repeated ones counted again
_FORM = ("path", "project_directory", "env_file")


def load_model(files: list[str], scope: Scope) -> dict[str, Any]:
    """Return the merged model of the files, each over the ones before; mistakes are reported to the scope's session."""
    model: dict[str, Any] = {}
    for path in files:
        scope.including = (*scope.including, path)
        documents = () if scope.session.budget.is_full else scope.session.sources.documents(path)
        for document in documents or ():
            if scope.session.budget.is_full:
                break
            scope.layers.append(((), document.positions, ()))
            model = _add(model, document, scope, path)
    complete(model, scope)
    return model


def _may_merge(values: int, scope: Scope, path: str) -> bool:
    """Return whether so many values may be read in one more merge; each document and each include counts."""
    budget = scope.session.budget
    if budget.is_full:
        return False  # reported before
    if budget.may_merge(values):
        return True
    message = f"merging the documents of the app looks at more than {MERGED_MAX} values; write fewer"
    scope.report.error_at((), f"{path}: {message}")
    return False


def _add(model: dict[str, Any], document: Document, scope: Scope, path: str) -> dict[str, Any]:
    if not scope.session.budget.has_space(document.size, document.characters):
        scope.report.error_at((), f"{path} {TOO_LARGE}; make several apps of it")
        return model
    value = scope.interpolated(document)
    if type(value) is not dict:
        scope.report.error_at((), f"the file must be a mapping with services, is {kind_of(value)}")
        return model
    _check_services(value, document, scope)
    warn_of_scalars(document, scope.report)
    apply_extends(value.get("services"), scope, path, document.resets)
    apply_resets(model, document.resets)
    includes = "include" in value
    if includes:
        _include(value, scope)
    values = size_of(value)[0] if includes else document.size
    if not _may_merge(values + (size_of(model)[0] if model else 0), scope, path):
        return model
    return add_document(model, value, scope.report)


def _check_services(value: dict[str, Any], document: Document, scope: Scope) -> None:
    """Report a section of services that is not a mapping, before a merge or an include hides it, and remove it."""
    services = value.get("services", {})
    if type(services) is not dict:
        report = Report()
        hint = "; remove it, or write {}" if services is None else ""
        report.error_at(("services",), f"must be a mapping, is {kind_of(services)}{hint}")
        scope.session.report(report, [((), document.positions, ())])
        del value["services"]


def _include(value: dict[str, Any], scope: Scope) -> None:
    entries = value.pop("include")
    if type(entries) is not list:
        if entries is not None:
            scope.report.error_at(("include",), f"must be a list, is {kind_of(entries)}")
        return
    for index, entry in enumerate(entries):
        form = {"path": entry} if type(entry) is str else entry
        if not _is_sound(form, scope, index):
            continue
        imported = _included(form, scope, index)
        if imported is not None:
            _import(imported, value, scope, index)


def _is_sound(form: Any, scope: Scope, index: int) -> bool:
    if form is None:
        return False  # Compose skips it
    if type(form) is not dict:
        scope.report.error_at(("include", index), f"must be text or a mapping, is {kind_of(form)}")
        return False
    sound = True
    for key, value in form.items():
        entries = value if type(value) is list and key != "project_directory" else [value]
        if key not in _FORM:
            scope.report.warn(
                f"unknown key, which Compose ignores{did_you_mean(key, _FORM)}", "include", index, key
            )
        elif value is not None and not all(type(each) is str for each in entries):
            scope.report.error_at(
                ("include", index, key), f"must be text or a list of text, is {describe(value)}"
            )
            sound = False
    return sound


def _texts(value: Any) -> list[str]:
    return [value] if type(value) is str else list(value or ())


def _included(form: dict[str, Any], scope: Scope, index: int) -> dict[str, Any] | None:
    session = scope.session
    files: list[str] = []
    for named in _texts(form.get("path")):
        file = _tree_file(named, scope, index)
        if file is None:
            return None
        files.append(file)
    session.included_count += 1
    if session.included_count > INCLUDES_MAX:
        if session.included_count == INCLUDES_MAX + 1:
            message = f"the app includes more than {INCLUDES_MAX} files; include fewer"
            scope.report.error_at(("include", index), message)
        return None
    if not files:
        scope.report.warn("names no file; write path: other/compose.yaml", "include", index)
        return None
    if len(scope.including) > DEPTH_MAX:
        scope.report.error_at(
            ("include", index), f"includes are deeper than {DEPTH_MAX} levels; flatten them"
        )
        return None
    if files[0] in scope.including:
        circle = " -> ".join((*scope.including, files[0]))
        scope.report.error_at(("include", index), f"the files include each other: {circle}")
        return None
    root = scope.location.root
    project = Location(root=root, directory=posixpath.dirname(f"{root}/{files[0]}") or "/")
    if form.get("project_directory"):
        project = scope.location.below(form["project_directory"])
    variables = _variables(form, scope, project, index)
    session.reached.update(dict.fromkeys(files))
    inner = Scope(
        session=session,
        location=project,
        data_location=_existing(project, session),
        variables=variables,
        including=scope.including,
    )
    model = load_model(files, inner)
    session.report(inner.report, inner.layers)
    scope.layers[:0] = inner.layers
    return model if _may_merge(size_of(model)[0], scope, files[0]) else None


def _existing(project: Location, session: Session) -> Location:
    """Return the directory for data paths of an included file; for a missing directory, its parent, as in Compose."""
    name = repository_path(project.root, project.directory)
    if not name or any(path.startswith(f"{name}/") for path in session.sources.tree.files):
        return project
    return Location(root=project.root, directory=posixpath.dirname(project.directory))


def _tree_file(named: str, scope: Scope, index: int) -> str | None:
    file = scope.location.in_repository(named)
    if file is None:
        scope.report.error_at(
            ("include", index), f"{named} is outside of the repository; move it into the repository"
        )
        return None
    if not scope.session.sources.exists(file):
        scope.report.error_at(("include", index), f"{file} {scope.session.sources.why_missing(file)}")
        return None
    return file


def _variables(form: dict[str, Any], scope: Scope, directory: Location, index: int) -> dict[str, str]:
    sources = scope.session.sources
    named = _texts(form.get("env_file"))
    files: list[str] = []
    if not named:
        beside = directory.in_repository(f"{directory.directory}/.env" if directory.root else ".env")
        if beside is not None and sources.has(beside):
            files.append(beside)
    for each in named:
        file = _tree_file(each, scope, index)
        if file is not None:
            files.append(file)
    found: dict[str, str] = {}
    for file in files:
        found.update(sources.variables(file, {**found, **scope.variables}))
    return {**found, **scope.variables}


def _import(imported: dict[str, Any], value: dict[str, Any], scope: Scope, index: int) -> None:
    for kind in ("services", *RESOURCE_KINDS):
        added = imported.get(kind)
        if not added:
            continue
        own = value.get(kind)
        target = dict(own) if type(own) is dict else {}
        for name, body in added.items():
            if name in target and target[name] != body:
                scope.report.error_at(
                    (kind, name),
                    f"is also defined by the file that include[{index}] names; rename one of the two",
                )
            else:
                target[name] = body
        value[kind] = target
