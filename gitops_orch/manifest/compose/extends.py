"""`extends`: a service that starts from another service, of the same file or of another file of the repository."""

import posixpath
from typing import Any

from gitops_orch.manifest.compose.extended_file import check_extended_file
from gitops_orch.manifest.compose.pipeline import (
    PROBLEMS_MAX,
    Extended,
    Scope,
    apply_resets,
    copied,
    without_mistakes,
)
from gitops_orch.manifest.problems.limits import TOO_LARGE, size_of
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.problems.suggest import did_you_mean
from gitops_orch.manifest.repository.locations import Location
from gitops_orch.manifest.schema.compose_schema import kind_of
from gitops_orch.manifest.stages.absolute_paths import resolve_paths
from gitops_orch.manifest.stages.list_keys import drop_overridden
from gitops_orch.manifest.stages.long_forms import expand_model
from gitops_orch.manifest.stages.merge import merge_models, merge_services
from gitops_orch.manifest.syntax.interpolate import names_in
from gitops_orch.manifest.yaml.yaml_document import Document

DEPTH_MAX = 50  # services that extend each other in a row


def apply_extends(services: Any, scope: Scope, file: str, resets: tuple[KeyPath, ...]) -> None:
    """Replace every service that extends another one by the merged service, in place."""
    if type(services) is not dict:
        return
    extender = _Extender(scope, resets)
    for name in services:
        services[name] = extender.extended(name, services, file, ())


class _Extender:
    """Follows `extends` through services and files."""

    def __init__(self, scope: Scope, resets: tuple[KeyPath, ...]) -> None:
        self._scope = scope
        self._resets = resets
        self._prepared: set[tuple[str, str]] = set()
        self._spoiled: set[tuple[str, str]] = set()  # services of other files with mistakes
        self._files: dict[str, Extended | str] = {}

    def extended(
        self, name: str, services: dict[str, Any], file: str, trail: tuple[tuple[str, str], ...]
    ) -> Any:
        service = services.get(name)
        if type(service) is not dict or "extends" not in service:
            return service
        wanted = service["extends"]
        target = wanted.get("service") if type(wanted) is dict else wanted
        other = wanted.get("file") if type(wanted) is dict else None
        plain = {key: value for key, value in service.items() if key != "extends"}
        if type(target) is not str or not isinstance(other, str | None):
            return service  # the schema reports the mistake
        if (file, name) in trail:
            circle = " -> ".join(f"{each} in {path}" for path, each in (*trail, (file, name)))
            self._error(name, trail, f"extends itself: {circle}")
            return plain
        if len(trail) >= DEPTH_MAX:
            self._error(name, trail, f"extends more than {DEPTH_MAX} services one after the other")
            return plain
        if self._scope.session.budget.is_full:
            return plain
        trail = (*trail, (file, name))
        base = self._base(target, other, services, file, trail)
        if base is None:
            return plain
        if not self._scope.session.budget.has_space(*size_of(base)):
            self._error(name, trail, f"{TOO_LARGE}; extend less")
            return plain
        merged = merge_services(copied(base), plain, ("services", name), self._scope.report)
        services[name] = merged
        return merged

    def _base(
        self,
        target: str,
        other: str | None,
        services: dict[str, Any],
        file: str,
        trail: tuple[tuple[str, str], ...],
    ) -> dict[str, Any] | None:
        resets = self._resets
        name = trail[-1][1]
        if other is not None:
            loaded = self._load(other, file, target, trail)
            if loaded is None:
                return None
            services, own_resets, file = loaded
            resets += own_resets
        if target not in services:
            hint = did_you_mean(target, services) if len(self._scope.report.findings) < PROBLEMS_MAX else ""
            self._error(name, trail, f"there is no service {target} in {file}{hint}")
            return None
        base = self.extended(target, services, file, trail)
        if type(base) is not dict:
            return {}
        model = {"services": {name: copied(base)}}
        apply_resets(model, resets)
        services_left: dict[str, Any] = model["services"]
        return services_left.get(name) or {}

    def _error(self, name: str, trail: tuple[tuple[str, str], ...], message: str) -> None:
        origin = trail[0][1] if trail else name
        self._scope.report.error_at(("services", origin, "extends"), message)

    def _load(
        self, other: str, file: str, target: str, trail: tuple[tuple[str, str], ...]
    ) -> tuple[dict[str, Any], tuple[KeyPath, ...], str] | None:
        scope, sources = self._scope, self._scope.session.sources
        root = scope.location.root
        # A file of the project finds other files from the project's directory, an extended file from its own directory.
        own = Location(root=root, directory=posixpath.dirname(f"{root}/{file}") or "/")
        here = scope.location if file in scope.including else own
        path = here.in_repository(other)
        if path is None:
            self._error(
                trail[-1][1], trail, f"{other} is outside of the repository; move it into the repository"
            )
            return None
        if not sources.exists(path):
            self._error(trail[-1][1], trail, f"{path} {sources.why_missing(path)}")
            return None
        scope.session.reached[path] = None
        scope.session.extended_paths[path] = None
        if path not in self._files:
            read = self._read(path)
            self._files[path] = read if isinstance(read, str) else (dict(read[0]), read[1])
        loaded = self._files[path]
        if isinstance(loaded, str):
            self._error(trail[-1][1], trail, loaded)
            return None
        if self._prepare(loaded[0], target, path):
            scope.report.spoiled.add(trail[0][1])
        for document in sources.documents(path) or ():
            scope.layers.insert(0, (("services", trail[0][1]), document.positions, ("services", target)))
        return loaded[0], loaded[1], path

    def _read(self, path: str) -> Extended | str:
        """Return a file's services and resets, or why it cannot be extended; read once for equal variables."""
        session, variables = self._scope.session, self._scope.variables
        documents = session.sources.documents(path)
        if documents is None:
            return f"{path} cannot be read, so nothing of it can be extended; correct it"
        names = frozenset().union(*(names_in(each.value) for each in documents if each.has_dollars))
        reading = (path, tuple((name, variables.get(name)) for name in sorted(names)))
        if reading not in session.extended:
            session.extended[reading] = self._checked(path, documents)
        return session.extended[reading]

    def _checked(self, path: str, documents: tuple[Document, ...]) -> Extended | str:
        session = self._scope.session
        report = Report(budget=session.searched)
        model: dict[str, Any] = {}
        for document in documents:
            if not session.budget.has_space(document.size, document.characters):
                return f"{path} {TOO_LARGE}; make several apps of it"
            value = self._scope.interpolated(document)
            if type(value) is not dict:
                return f"{path} must be a mapping with services, is {kind_of(value)}"
            apply_resets(model, document.resets)
            model = merge_models(model, value, report) if model else value
        check_extended_file(model, report)
        self._report(report, path)
        services = model.get("services")
        if type(services) is not dict:
            return f"{path} has no services to extend; write services: in it, or name another file"
        return services, documents[-1].resets

    def _report(self, report: Report, path: str) -> None:
        session = self._scope.session
        documents = session.sources.documents(path) or ()
        session.report(report, [((), document.positions, ()) for document in documents])

    def _prepare(self, services: dict[str, Any], target: str, path: str) -> bool:
        """Check and expand a service of another file, and the services of that file that it extends, in place.

        Return whether a mistake was found in them, now or before.
        """
        root = self._scope.location.root
        directory = Location(root=root, directory=posixpath.dirname(f"{root}/{path}") or "/")
        name: Any = target
        while type(name) is str and (path, name) not in self._prepared:
            self._prepared.add((path, name))
            part = {"services": {name: copied(services.get(name))}}
            report = Report(budget=self._scope.session.budget)
            if part["services"][name] is not None:
                drop_overridden(part, report)
                without_mistakes(part, report)
                expand_model(part, report)
                resolve_paths(part, directory, report)
                services[name] = (part.get("services") or {}).get(name)
            if report.failed:
                self._spoiled.add((path, target))
            self._report(report, path)
            wanted = (services.get(name) or {}).get("extends")
            name = wanted.get("service") if type(wanted) is dict and "file" not in wanted else wanted
        return (path, target) in self._spoiled
