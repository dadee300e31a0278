"""Sorts services and apps so that each is after those that it depends on. Validation refuses cycles.

Note [Chains may be long]
A file may declare a chain of thousands of services, and a repository a chain of thousands of apps, so no function here
is recursive.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from gitops_orch.model.app import AppKey, Service
from gitops_orch.planner.diff.shared_namespaces import namespace_parents

_T = TypeVar("_T", bound=Hashable)


def in_dependency_order(services: tuple[Service, ...]) -> list[Service]:
    """Return services so that each is after its dependencies; a cycle, which validation refuses, in any order."""
    by_name = {service.name: service for service in services}

    def before(name: str) -> list[str]:
        service = by_name[name]
        needed = {dependency.service for dependency in service.depends_on} | namespace_parents(service)
        return sorted(needed & by_name.keys())

    return [by_name[name] for name in _dependencies_first(by_name, before)]


def app_order(keys: Iterable[AppKey], depends: dict[AppKey, tuple[AppKey, ...]]) -> list[AppKey]:
    """Return apps so that each is after those that it depends on, otherwise by name."""
    ordered = _dependencies_first(sorted(keys), lambda key: sorted(depends.get(key, ())))
    return [key for key in ordered if key in depends]


def _dependencies_first(keys: Iterable[_T], before: Callable[[_T], Iterable[_T]]) -> Iterator[_T]:
    """Yield keys and everything that `before` returns, each once, and after what `before` returns for it."""
    visited: set[_T] = set()
    for first in keys:
        if first in visited:
            continue
        visited.add(first)
        path = [(first, iter(before(first)))]
        while path:
            key, rest = path[-1]
            following = next((each for each in rest if each not in visited), None)
            if following is None:
                path.pop()
                yield key
            else:
                visited.add(following)
                path.append((following, iter(before(following))))
