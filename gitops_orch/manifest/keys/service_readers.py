"""Readers of values that only one key of a service has."""

from typing import Any

from gitops_orch.manifest.keys.readers import (
    OMIT,
    Reader,
    flag,
    integer,
    members,
    optional_flag,
    struct,
    text,
)
from gitops_orch.manifest.problems.model_problems import Report
from gitops_orch.manifest.schema.compose_schema import describe
from gitops_orch.model.rules.pull_policy import parse_pull_policy

_PULL_POLICIES = "always, never, missing, if_not_present, build, daily, weekly"


def throttle(rate: str, reader: Reader, zero: Any) -> Reader:
    """Return a reader of the limit of one device, printed with the names of the Engine."""
    fields = struct({"path": text, rate: reader})

    def read(value: Any, report: Report) -> Any:
        found = fields(value, report)
        return {"Path": found.get("path", ""), rate.capitalize(): found.get(rate, zero)}

    return read


def generic_resource(value: Any, report: Report) -> Any:
    """Read the only kind of resource that Compose prints."""
    spec = value.get("discrete_resource_spec")
    if spec is None:
        return {}
    read = struct({"kind": text, "value": integer})(spec, report)
    return {"discrete_resource_spec": {"kind": read.get("kind", ""), "value": read.get("value", 0)}}


def ssh(value: Any, report: Report) -> Any:
    """Read the names of ssh keys."""
    # Compose prints a key with a path as text that is not JSON, and so refuses the whole file.
    for name, path in value.items():
        if path not in (None, ""):
            report.error("Compose cannot print an ssh key with a path; write default only", name)
    return list(value) or OMIT


def attestation(value: Any, report: Report) -> Any:
    """Read a flag or a text with options."""
    return text("true" if value is True else "false" if value is False else value, report)


def pull_policy(value: Any, report: Report) -> Any:
    """Read when an image is pulled."""
    read = text(value, report)
    if not value or parse_pull_policy(str(read)) is None:
        report.error(
            f"must be one of {_PULL_POLICIES}, or every_<duration> such as every_12h, is {describe(value)}"
        )
        return OMIT
    return read


def edge(value: Any, report: Report) -> Any:
    """Read one dependency."""
    read = struct({"condition": text, "restart": flag, "required": optional_flag})(value, report)
    return {"required": False, **read}


def networks(attachment: Reader) -> Reader:
    """Return a reader of attachments by network; null stays null."""

    def read(value: Any, report: Report) -> Any:
        for name in value:
            if name.startswith("x-"):
                report.error("Compose takes a network that begins with x- for an extension; rename it", name)
        return members(lambda each, report: each if each is None else attachment(each, report))(value, report)

    return read
