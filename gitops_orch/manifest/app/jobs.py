"""Reads hooks around a service's containers, and jobs, which run at once or on a schedule."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.syntax.cron_expression import BadCron, parse_cron
from gitops_orch.manifest.syntax.duration import parse_duration
from gitops_orch.model.app import App, Mode, Service
from gitops_orch.model.job import HISTORY_DEFAULT, Concurrency, Hook, Schedule
from gitops_orch.model.names import is_pre_start

_KEY = "x-gitops"
_RUNS_OF_ONE = (Mode.REPLICATED, Mode.REPLICATED_JOB)
_ENDLESS = ("always", "unless-stopped", "any")
_OF_SCHEDULES = ("timezone", "concurrency", "history")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPolicy:
    """`x-gitops.job`: its schedule; or, without one, the time that a job may take."""

    schedule: Schedule | None = None
    deadline_s: float | None = None


def read_hooks(
    key: str, service: str, body: Mapping[str, Any], variables: Mapping[str, str], findings: Findings
) -> tuple[Hook, ...]:
    """Return the hooks of one kind of a resolved service; a hook without a command is a mistake."""
    return tuple(
        hook
        for index, raw in enumerate(body.get(key) or ())
        if (hook := _hook(raw or {}, ("services", service, key, index), variables, findings)) is not None
    )


def _hook(
    raw: Mapping[str, Any], where: KeyPath, variables: Mapping[str, str], findings: Findings
) -> Hook | None:
    command = raw.get("command")
    image = str(raw.get("image") or "")
    if not command and not image:
        findings.error((*where, "command"), "a hook needs a command; write it, or remove the hook")
        return None
    return Hook(
        command=tuple(str(word) for word in command or ()),
        user=str(raw.get("user") or ""),
        privileged=bool(raw.get("privileged")),
        working_dir=str(raw.get("working_dir") or ""),
        environment=tuple(_environment(raw.get("environment") or {}, where, variables, findings)),
        image=image,
        per_replica=bool(raw.get("per_replica")),
    )


def _environment(
    raw: Mapping[str, Any], where: KeyPath, variables: Mapping[str, str], findings: Findings
) -> Iterator[str]:
    for name, value in sorted(raw.items()):
        known = variables.get(name) if value is None else str(value)
        if known is None:
            findings.warn(
                (*where, "environment", name),
                f"has no value and no committed variable {name} gives one, so it is not set",
            )
        else:
            yield f"{name}={known}"


def read_job(service: str, raw: Mapping[str, Any], findings: Findings) -> JobPolicy:
    """Return the policy of `x-gitops.job`; the schema has checked its shape."""
    where = ("services", service, _KEY, "job")
    deadline = raw.get("deadline")
    deadline_s = None if deadline is None else parse_duration(deadline)
    if deadline_s is not None and deadline_s <= 0:
        findings.error((*where, "deadline"), "must be longer than nothing; remove it for no deadline")
    expression = raw.get("schedule")
    if expression is None:
        for key in (key for key in _OF_SCHEDULES if key in raw):
            findings.error((*where, key), "means something for a schedule only; write schedule, or remove it")
        return JobPolicy(deadline_s=deadline_s)
    timezone = raw.get("timezone", "UTC")
    if not is_timezone(timezone):
        findings.error((*where, "timezone"), f"{timezone!r} is no time zone; write one such as Europe/Berlin")
    try:
        fields = parse_cron(expression)
    except BadCron as error:
        findings.error((*where, "schedule"), f"{expression!r} is no cron expression: {error}")
        return JobPolicy()
    schedule = Schedule(
        expression=expression,
        fields=fields,
        timezone=timezone,
        concurrency=Concurrency(raw.get("concurrency", Concurrency.FORBID.value)),
        deadline_s=deadline_s,
        history=int(raw.get("history", HISTORY_DEFAULT)),
    )
    return JobPolicy(schedule=schedule)


@cache
def is_timezone(name: str) -> bool:
    """Return whether the time zone database has that name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def check_jobs(app: App, findings: Findings) -> None:
    """Add mistakes in services that are jobs or depend on jobs."""
    scheduled = {service.name for service in app.services if service.schedule is not None}
    for service in app.services:
        base = ("services", service.name)
        if is_pre_start(service.name):
            findings.error(base, "names that end so are those of pre_start containers; rename the service")
        for edge in service.depends_on:
            if edge.service in scheduled:
                findings.error(
                    (*base, "depends_on", edge.service),
                    f"{edge.service} runs on a schedule, so nothing can wait for it; depend on another service",
                )
        if service.job and service.post_start:
            findings.error(
                (*base, "post_start"), "a job may have ended by then; make it a part of the job's command"
            )
        if service.schedule is not None:
            _check_scheduled(service, base, findings)
        elif service.job_deadline_s is not None and not service.job:
            findings.error(
                (*base, _KEY, "job", "deadline"),
                "means something for a job only; write schedule, or deploy.mode: replicated-job",
            )


def _check_scheduled(service: Service, base: KeyPath, findings: Findings) -> None:
    if service.mode not in _RUNS_OF_ONE:
        findings.error((*base, "deploy", "mode"), "a scheduled run is one container; remove the mode")
    if service.replicas != 1:
        findings.error(
            (*base, "deploy", "replicas"),
            f"a scheduled run is one container, not {service.replicas}; remove replicas",
        )
    if service.container_name:
        findings.error(
            (*base, "container_name"), "every run is a container of its own name; remove container_name"
        )
    if service.pre_start:
        findings.error((*base, "pre_start"), "a scheduled run has none; make it a part of its command")
    deploy: Any = service.compose.get("deploy") or {}
    condition = (deploy.get("restart_policy") or {}).get("condition")
    restart = str(service.compose.get("restart") or "")
    for path, word in ((("deploy", "restart_policy", "condition"), condition), (("restart",), restart)):
        if word in _ENDLESS:
            findings.error(
                (*base, *path), f"a run with {word} would never end; write on-failure, or remove it"
            )
