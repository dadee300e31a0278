"""Converts the short form of a value to its long form, where Compose has both."""

from collections.abc import Callable
from typing import Any, TypeAlias

from gitops_orch.manifest.keys.readers import optional_flag
from gitops_orch.manifest.problems.limits import PORTS_MAX
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.schema.compose_schema import describe
from gitops_orch.manifest.syntax.go_values import InvalidValue
from gitops_orch.manifest.syntax.ports import expand_port

Expander: TypeAlias = Callable[[Any, Report], Any]


def each(expand: Callable[[str], dict[str, Any]]) -> Expander:
    """Return the expander of a list whose entries have a short form."""

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


def ports(value: Any, report: Report) -> Any:
    """Expand ports; a range becomes one entry for each port."""
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


def depends_on(value: Any, _report: Report) -> Any:
    """Expand a list of services to edges with a condition."""
    if type(value) is list:
        value = {name: {} for name in value}
    return {
        name: {"condition": "service_started", "required": True, **edge}
        for name, edge in (value or {}).items()
    }


def env_file(value: Any, report: Report) -> Any:
    """Expand files to entries with a path that say whether the file is required."""
    files: list[Any] = [value] if type(value) is str else list(value or ())
    entries: list[dict[str, Any]] = [{"path": each} if type(each) is str else each for each in files]
    for index, entry in enumerate(entries):
        report.trail += [index, "required"]
        required = optional_flag(entry.get("required", True), report)
        entries[index] = {**entry, "required": required is not False}
        del report.trail[-2:]
    return entries


def as_list(value: Any, _report: Report) -> Any:
    """Expand a single text to a list."""
    return [value] if type(value) is str else value


def dns(value: Any, report: Report) -> Any:
    """Expand addresses to a list without empty ones."""
    return [each for each in as_list(value, report) if each not in ("", None)]


def networks(value: Any, _report: Report) -> Any:
    """Expand a list of networks to attachments by name."""
    return dict.fromkeys(value) if type(value) is list else value


def gpus(value: Any, _report: Report) -> Any:
    """Expand `all` to a device request."""
    return [{"count": "all"}] if type(value) is str else value


def ulimits(value: Any, report: Report) -> Any:
    """Report limits that are not whole numbers; there is no other form."""
    for name, limit in value.items():
        wanted = limit.values() if type(limit) is dict else (limit,)
        if any(type(each) is not int for each in wanted if not isinstance(each, dict)):
            report.error("must be a whole number, or soft and hard ones", name)
    return value


def key_values(value: Any, report: Report) -> Any:
    """Expand a list of `name=value` to a mapping."""
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


def ssh(value: Any, report: Report) -> Any:
    """Expand a list of keys to their paths by name."""
    if type(value) is dict:
        return value
    found: dict[str, Any] = {}
    for index, entry in enumerate(value):
        key, equals, path = entry.partition("=")
        if not equals and key != "default":
            report.error(f"must be default or id=path, is {describe(entry)}", index)
        found[key] = path if equals else None
    return found


def source(name: str) -> dict[str, Any]:
    """Expand the name of a secret or config to a reference."""
    return {"source": name}


def build(value: Any, _report: Report) -> Any:
    """Expand the path of the context to a mapping."""
    return {"context": value} if type(value) is str else value
