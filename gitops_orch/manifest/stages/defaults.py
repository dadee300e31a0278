"""Adds what a file leaves out: defaults, values of variables, the default network, and names."""

from collections.abc import Mapping
from typing import Any

from gitops_orch.manifest.keys.readers import optional_flag
from gitops_orch.manifest.keys.resource_keys import RESOURCE_KINDS
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.problems.limits import TOO_GROWN
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.stages.sections import resources_of, services_of
from gitops_orch.manifest.syntax.volumes import clean_path
from gitops_orch.model.rules.namespaces import DEPENDENCY_KEYS, OF_SERVICE

_COMPLETIONS = {name: key.complete for name, key in SERVICE_KEYS.items() if key.complete is not None}


def add_defaults(model: dict[str, Any]) -> None:
    """Add the defaults that Compose writes into every long form, in place."""
    for service in services_of(model).values():
        for key in service.keys() & _COMPLETIONS.keys():
            _COMPLETIONS[key](service[key])


def resolve_variables(
    model: dict[str, Any], variables: Mapping[str, str], report: Report, *, maps: bool
) -> None:
    """Give a `KEY` without a value the committed variable of that name, in place; keys of a mapping only with `maps`.

    Compose completes lists with the variables of their file, and mappings with the variables of the whole app.
    """
    for name, service in services_of(model).items():
        environment = service.get("environment")
        if type(environment) is list or (maps and environment):
            with report.inside("services", name, "environment"):
                service["environment"] = _resolved(environment, variables, report)
    for name, config in resources_of(model, "configs").items():
        if config.get("environment") in variables:
            with report.inside("configs", name, "environment"):
                config["content"] = _passed(config["environment"], variables, report) or ""


def _resolved(environment: Any, variables: Mapping[str, str], report: Report) -> Any:
    if type(environment) is dict:
        return {
            key: _passed(key, variables, report) if each is None else each
            for key, each in environment.items()
        }
    return [
        f"{each}={found}"
        if type(each) is str and (found := _passed(each, variables, report)) is not None
        else each
        for each in environment or ()
    ]


def _passed(name: str, variables: Mapping[str, str], report: Report) -> str | None:
    """Return a variable's value; None also where the app exceeds the limit for values of variables."""
    found = variables.get(name)
    if found is None or report.budget.may_grow(len(found)):
        return found
    report.error(TOO_GROWN)
    return None


def normalise(
    model: dict[str, Any], variables: Mapping[str, str], name: str, report: Report
) -> frozenset[tuple[str, str]]:
    """Add implied networks, dependencies and names, in place; return the resources that are named after the project."""
    _add_networks(model)
    resolve_variables(model, variables, report, maps=True)
    for service in services_of(model).values():
        if service.get("pull_policy") == "if_not_present":
            service["pull_policy"] = "missing"
        if type(service.get("build")) is dict:
            _complete_build(service["build"], variables, report)
        for volume in service.get("volumes") or ():
            volume["target"] = clean_path(volume.get("target", "")) or "."
        edges = {**(service.get("depends_on") or {})}
        for target, restart, _ in implied_by(service):
            edges.setdefault(target, {"condition": "service_started", "restart": restart, "required": True})
        if edges:
            service["depends_on"] = edges
    return _add_names(model, name)


def _add_networks(model: dict[str, Any]) -> None:
    used = False
    for service in services_of(model).values():
        if "network_mode" in service:
            continue
        if not service.get("networks"):
            service["networks"] = {"default": None}
        used = used or "default" in service["networks"]
    networks = dict(model.get("networks") or {})
    if used:
        networks.setdefault("default", None)
    if networks:
        model["networks"] = networks


def _complete_build(build: dict[str, Any], variables: Mapping[str, str], report: Report) -> None:
    if build.get("dockerfile") is None and build.get("dockerfile_inline") is None:
        build["dockerfile"] = "Dockerfile"
    arguments = build.get("args")
    resolved = _resolved(arguments, variables, report) if type(arguments) in (dict, list) else None
    if type(resolved) is dict:
        build["args"] = {key: each for key, each in resolved.items() if each is not None}
    elif resolved is not None:
        build["args"] = [each for each in resolved if "=" in each]


def implied_by(service: Mapping[str, Any]) -> list[tuple[str, bool, KeyPath]]:
    """Return the services that a service needs, whether it restarts with them, and the key that implies it."""
    edges: list[tuple[str, bool, KeyPath]] = []
    for link in service.get("links") or ():
        service_name, colon, alias = link.partition(":")
        target = service_name if colon and ":" not in alias else link
        edges.append((target, True, ("links", target)))
    for namespace in DEPENDENCY_KEYS:
        reference = service.get(namespace)
        if type(reference) is str and reference.startswith(OF_SERVICE):
            edges.append((reference.removeprefix(OF_SERVICE), True, (namespace,)))
    edges += [
        (each.partition(":")[0], False, ("volumes_from", each.partition(":")[0]))
        for each in service.get("volumes_from") or ()
        if not each.startswith("container:")
    ]
    return edges


def _add_names(model: dict[str, Any], project: str) -> frozenset[tuple[str, str]]:
    implied: set[tuple[str, str]] = set()
    for kind in RESOURCE_KINDS:
        if not model.get(kind):
            continue
        model[kind] = {key: dict(resource or {}) for key, resource in model[kind].items()}
        unnamed = {key: body for key, body in model[kind].items() if body.get("name") is None}
        for key, body in unnamed.items():
            external = optional_flag(body.get("external"), Report()) is True
            body["name"] = key if external else f"{project}_{key}"
            implied |= set() if external else {(kind, key)}
    return frozenset(implied)
