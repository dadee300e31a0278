"""Checks whether services fit together, as Compose does before it prints a model."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.problems.suggest import did_you_mean
from gitops_orch.manifest.stages.defaults import implied_by

Mistake: TypeAlias = tuple[KeyPath, str]
Model: TypeAlias = Mapping[str, Any]


def reference_mistakes(model: Model, disabled: Model, flawed: frozenset[str]) -> Iterator[Mistake]:
    """Yield every conflict in a printed model; services in `flawed` have mistakes already and are not checked again.

    `disabled` are the services that no active profile selects.
    """
    services: Mapping[str, Model] = model["services"]
    for name, service in services.items():
        if name in flawed:
            continue
        for check in _CHECKS:
            for path, message in check(service, model):
                yield ("services", name, *path), message
        yield from _dependencies(name, service, services, disabled)
    for name, secret in (model.get("secrets") or {}).items():
        if not secret.get("external") and not secret.get("file") and not secret.get("environment"):
            yield ("secrets", name), "must have a file or an environment variable; write file: ./path"
    yield from _cycles(services)


def _image(service: Model, _model: Model) -> Iterator[Mistake]:
    if "build" not in service and not service.get("image"):
        yield (), "has neither image nor build; write image: name:tag"


def _build(service: Model, model: Model) -> Iterator[Mistake]:
    build = service.get("build") or {}
    if build.get("dockerfile") and build.get("dockerfile_inline"):
        yield ("build",), "dockerfile and dockerfile_inline cannot be combined; keep one"
    platforms = build.get("platforms")
    if platforms and service.get("platform") and service["platform"] not in platforms:
        yield ("build", "platforms"), f"must include the service's platform {service['platform']}"
    for context, target in (build.get("additional_contexts") or {}).items():
        if target.startswith("service:"):
            other = model["services"].get(target.removeprefix("service:"))
            if other is None or "build" not in other:
                yield (
                    ("build", "additional_contexts", context),
                    f"{target} is no service of this app that is built",
                )


def _networks(service: Model, model: Model) -> Iterator[Mistake]:
    networks = service.get("networks") or {}
    if service.get("network_mode") and networks:
        yield ("network_mode",), "network_mode and networks cannot be combined; keep one"
    yield from _undefined(("networks",), dict.fromkeys(networks, ()), model, "networks")


def _undefined(path: KeyPath, names: Mapping[str, KeyPath], model: Model, kind: str) -> Iterator[Mistake]:
    known = model.get(kind) or {}
    for name, below in names.items():
        if name not in known:
            where = (*path, *(below or (name,)))
            hint = did_you_mean(name, known) or f"; add it below the top-level {kind}"
            yield where, f"{kind[:-1]} {name} is not defined{hint}"


def _references(service: Model, model: Model) -> Iterator[Mistake]:
    for section, kind, entries in (
        ("configs", "configs", service.get("configs")),
        ("secrets", "secrets", service.get("secrets")),
        ("build", "secrets", (service.get("build") or {}).get("secrets")),
    ):
        prefix: KeyPath = (section,) if section != "build" else ("build", "secrets")
        names: dict[str, KeyPath] = {
            each.get("source", ""): (index,) for index, each in enumerate(entries or ())
        }
        yield from _undefined(prefix, names, model, kind)
    volumes: dict[str, KeyPath] = {
        each["source"]: (index,)
        for index, each in enumerate(service.get("volumes") or ())
        if each.get("type") == "volume" and each.get("source")
    }
    yield from _undefined(("volumes",), volumes, model, "volumes")


def _healthcheck(service: Model, _model: Model) -> Iterator[Mistake]:
    test = (service.get("healthcheck") or {}).get("test")
    if test and test[0] not in ("CMD", "CMD-SHELL", "NONE"):
        yield ("healthcheck", "test"), f"must start with CMD, CMD-SHELL or NONE, starts with {test[0]!r}"


def _network_mode(service: Model, model: Model) -> Iterator[Mistake]:
    mode = service.get("network_mode") or ""
    target = mode.removeprefix("service:")
    # Compose accepts an empty name as any service.
    if mode.startswith("service:") and target and target not in model["services"]:
        yield ("network_mode",), f"there is no service {target}{did_you_mean(target, model['services'])}"


def _limits(service: Model, _model: Model) -> Iterator[Mistake]:
    deploy = service.get("deploy")
    if deploy is None:
        return
    replicas, scale = deploy.get("replicas"), service.get("scale")
    if scale is not None and replicas is not None and scale != replicas:
        yield ("scale",), f"is {scale}, but deploy.replicas is {replicas}; remove one of the two"
    resources = deploy["resources"]
    for key, section, own in _TWICE:
        limits = resources.get(section)
        if (
            service.get(key)
            and limits is not None
            and limits.get(own, 0 if own != "memory" else "0") != service[key]
        ):
            there = limits.get(own, "absent")
            yield (
                (key,),
                f"is {service[key]}, but deploy.resources.{section}.{own} is {there}; remove one of the two",
            )


def _container_name(service: Model, _model: Model) -> Iterator[Mistake]:
    deploy = service.get("deploy") or {}
    count = service.get("scale", deploy.get("replicas", 1))
    if count > 1 and service.get("container_name"):
        yield (
            ("container_name",),
            f"must be unique, but there are {count} replicas; remove it, or run one replica",
        )


def _watch(service: Model, _model: Model) -> Iterator[Mistake]:
    for index, watch in enumerate((service.get("develop") or {}).get("watch") or ()):
        if not watch.get("target") and watch.get("action") not in ("rebuild", "restart"):
            yield ("develop", "watch", index), f"the action {watch.get('action')} needs a target"


_TWICE = (
    ("cpus", "limits", "cpus"),
    ("mem_limit", "limits", "memory"),
    ("mem_reservation", "reservations", "memory"),
    ("pids_limit", "limits", "pids"),
)
_CHECKS: tuple[Callable[[Model, Model], Iterator[Mistake]], ...] = (
    _image,
    _build,
    _networks,
    _healthcheck,
    _network_mode,
    _references,
    _limits,
    _container_name,
    _watch,
)


def _dependencies(name: str, service: Model, services: Model, disabled: Model) -> Iterator[Mistake]:
    implied = {target: path for target, _, path in implied_by(service)}
    for target, edge in (service.get("depends_on") or {}).items():
        if target in services or (target in disabled and not edge["required"]):
            continue
        path = ("services", name, *implied.get(target, ("depends_on", target)))
        if target in disabled:
            profiles = ", ".join(disabled[target].get("profiles", ()))
            yield path, f"the service {target} is off: none of its profiles ({profiles}) is active"
        else:
            yield path, f"there is no service {target}{did_you_mean(target, services)}"


def _cycles(services: Mapping[str, Model]) -> Iterator[Mistake]:
    """Yield the first cycle of services that depend on each other; Compose also reports one."""
    done: set[str] = set()
    for start in services:
        circle = _cycle(start, services, done)
        if circle:
            path = ("services", circle[-2], "depends_on", circle[-1])
            yield path, f"the services depend on each other: {' -> '.join(circle)}"
            return


def _cycle(start: str, services: Mapping[str, Model], done: set[str]) -> list[str]:
    """Return the services of a reachable cycle, with its first service again at the end; empty where there is none.

    `done` are services that lead to no cycle; the services that this search passes are added to it.
    """
    # The services that led here, each with the dependencies still to follow
    trail: dict[str, Iterator[str]] = {}
    name: str | None = start
    while name is not None or trail:
        if name is None:
            done.add(trail.popitem()[0])
        elif name in trail:
            way = list(trail)
            return [*way[way.index(name) :], name]
        elif name in services and name not in done:
            trail[name] = iter(services[name].get("depends_on") or ())
        name = next(trail[next(reversed(trail))], None) if trail else None
    return []
