"""In which order services and apps come: what others depend on first.  Circles are validation's business."""

from collections.abc import Iterable

from gitops_orch.model.app import AppKey, Service
from gitops_orch.planner.namespaces import namespace_parents


def in_dependency_order(services: tuple[Service, ...]) -> list[Service]:
    """Return services so that each comes after those that it depends on; a circle, which validation refuses, as given."""
    by_name = {service.name: service for service in services}
    ordered: dict[str, Service] = {}
    visiting: set[str] = set()

    def visit(service: Service) -> None:
        if service.name in ordered or service.name in visiting:
            return
        visiting.add(service.name)
        before = {dependency.service for dependency in service.depends_on} | namespace_parents(service)
        for name in sorted(before):
            if name in by_name:
                visit(by_name[name])
        ordered[service.name] = service

    for service in services:
        visit(service)
    return list(ordered.values())


def app_order(keys: Iterable[AppKey], depends: dict[AppKey, tuple[AppKey, ...]]) -> list[AppKey]:
    """Return apps so that each comes after those that it depends on; ties fall by name."""
    ordered: dict[AppKey, None] = {}
    visiting: set[AppKey] = set()

    def visit(key: AppKey) -> None:
        if key in ordered or key in visiting:
            return
        visiting.add(key)
        for other in sorted(depends.get(key, ())):
            visit(other)
        ordered[key] = None

    for key in sorted(keys):
        visit(key)
    return [key for key in ordered if key in depends]
