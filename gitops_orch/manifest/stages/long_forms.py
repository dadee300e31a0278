"""Converts short forms to long ones, where Compose has both: files are merged and read in their long forms."""

from collections.abc import Callable
from typing import Any, TypeAlias

from gitops_orch.manifest.keys.readers import optional_flag
from gitops_orch.manifest.problems.limits import PORTS_MAX
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.schema.compose_schema import describe
from gitops_orch.manifest.stages.sections import resources_of, services_of
from gitops_orch.manifest.syntax.go_values import InvalidValue
from gitops_orch.manifest.syntax.ports import expand_port
from gitops_orch.manifest.syntax.volumes import expand_device, expand_volume

Expander: TypeAlias = Callable[[Any, Report], Any]
RESOURCE_KINDS = ("networks", "volumes", "secrets", "configs")


def expand_model(model: dict[str, Any], report: Report) -> None:
    """Replace every short form of a file by its long form, in place."""
    for name, service in services_of(model).items():
        report.trail = ["services", name]
        _expand(service, _SERVICE, report)
    _drop_odd_networks(model, report)
    for kind in RESOURCE_KINDS:
        for name, resource in resources_of(model, kind).items():
            if "external" in resource:
                report.trail = [kind, name]
                _expand_external(resource, report)
    report.trail = []


def _drop_odd_networks(model: dict[str, Any], report: Report) -> None:
    """Report networks that are not mappings: the schema does not check those with unusual names."""
    networks = model.get("networks") or {}
    for name in [name for name, body in networks.items() if type(body) is not dict and body is not None]:
        report.error_at(("networks", name), f"must be a mapping, is {describe(networks.pop(name))}")


def _expand(mapping: dict[str, Any], expanders: dict[str, Expander], report: Report) -> None:
    # Most keys have one form only, so the smaller of the two tables is searched.
    for key in mapping.keys() & expanders.keys():
        report.trail.append(key)
        mapping[key] = expanders[key](mapping[key], report)
        report.trail.pop()


def _each(expand: Callable[[str], dict[str, Any]]) -> Expander:
    def run(value: Any, report: Report) -> Any:
        return [_one(expand, each, index, report) for index, each in enumerate(value or ())]

    return run


def _one(expand: Callable[[str], dict[str, Any]], value: Any, index: int, report: Report) -> Any:
    if type(value) is not str:
        return value
    try:
        return expand(value)
    except InvalidValue as error:
        report.error(str(error), index)
        return {"type": "tmpfs", "source": value, "target": value}  # no further mistake is found in it


def _ports(value: Any, report: Report) -> Any:
    expanded: list[dict[str, Any]] = []
    for index, each in enumerate(value or ()):
        if type(each) is dict:
            expanded.append(each)
            continue
        if type(each) is float:
            report.error(f"must be a port, is {describe(each)}; quote it", index)
            continue
        try:
            entries = expand_port(str(each)) if report.budget.may_expand(0) else []
        except InvalidValue as error:
            report.error(str(error), index)
            continue
        if not report.budget.may_expand(len(entries)):
            report.error(f"the ranges of ports become more than {PORTS_MAX} ports; publish fewer", index)
            break
        expanded += entries
    return expanded


def _build(value: Any, report: Report) -> Any:
    build = {"context": value} if type(value) is str else value
    if type(build) is dict:
        _expand(build, _BUILD, report)
    return build


def _depends_on(value: Any, _report: Report) -> Any:
    if type(value) is list:
        value = {name: {} for name in value}
    return {
        name: {"condition": "service_started", "required": True, **edge}
        for name, edge in (value or {}).items()
    }


def _env_file(value: Any, report: Report) -> Any:
    files: list[Any] = [value] if type(value) is str else list(value or ())
    entries: list[dict[str, Any]] = [{"path": each} if type(each) is str else each for each in files]
    for index, entry in enumerate(entries):
        report.trail += [index, "required"]
        required = optional_flag(entry.get("required", True), report)
        entries[index] = {**entry, "required": required is not False}
        del report.trail[-2:]
    return entries


def _as_list(value: Any, _report: Report) -> Any:
    return [value] if type(value) is str else value


def _dns(value: Any, report: Report) -> Any:
    return [each for each in _as_list(value, report) if each not in ("", None)]


def _networks(value: Any, _report: Report) -> Any:
    return dict.fromkeys(value) if type(value) is list else value


def _gpus(value: Any, _report: Report) -> Any:
    return [{"count": "all"}] if type(value) is str else value


def _ulimits(value: Any, report: Report) -> Any:
    for name, limit in value.items():
        wanted = limit.values() if type(limit) is dict else (limit,)
        if any(type(each) is not int for each in wanted if not isinstance(each, dict)):
            report.error("must be a whole number, or soft and hard ones", name)
    return value


def _key_values(value: Any, report: Report) -> Any:
    if type(value) is dict:
        for key, each in value.items():
            if type(each) is not str:
                report.error(f"must be text, is {describe(each)}; quote it", key)
        return value
    found = {}
    for index, entry in enumerate(value):
        key, equals, rest = entry.partition("=")
        if not equals:
            report.error(f"must be name=value, is {describe(entry)}", index)
        found[key] = rest
    return found


def _ssh(value: Any, report: Report) -> Any:
    if type(value) is dict:
        return value
    found: dict[str, Any] = {}
    for index, entry in enumerate(value):
        key, equals, path = entry.partition("=")
        if not equals and key != "default":
            report.error(f"must be default or id=path, is {describe(entry)}", index)
        found[key] = path if equals else None
    return found


def _expand_external(resource: dict[str, Any], report: Report) -> None:
    external = resource["external"]
    if type(external) is not dict:
        return
    resource["external"] = True
    if "name" not in external:
        return
    report.warn("external.name is deprecated; write name, and external: true", "external")
    if resource.setdefault("name", external["name"]) != external["name"]:
        report.error("name and external.name differ; write name only")


def _source(name: str) -> dict[str, Any]:
    return {"source": name}


_BUILD: dict[str, Expander] = {
    "additional_contexts": _key_values,
    "secrets": _each(_source),
    "ssh": _ssh,
    "ulimits": _ulimits,
}
_SERVICE: dict[str, Expander] = {
    "build": _build,
    "configs": _each(_source),
    "depends_on": _depends_on,
    "devices": _each(expand_device),
    "dns": _dns,
    "env_file": _env_file,
    "gpus": _gpus,
    "label_file": _as_list,
    "networks": _networks,
    "ports": _ports,
    "secrets": _each(_source),
    "volumes": _each(expand_volume),
}
