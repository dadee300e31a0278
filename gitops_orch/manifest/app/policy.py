"""`x-gitops`: the settings of an app and its services that Compose does not have, over the fleet's defaults."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeGuard, TypeVar

from gitops_orch.manifest.app.jobs import JobPolicy, read_job
from gitops_orch.manifest.app.readiness_probe import read_readiness
from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.schema.compose_schema import describe
from gitops_orch.manifest.schema.document_schema import schema_problems
from gitops_orch.manifest.syntax.duration import parse_duration
from gitops_orch.model.app import (
    AppKey,
    Drift,
    FilesPolicy,
    Hold,
    Move,
    Placement,
    Prune,
    Readiness,
    Rollback,
    RolloutPolicy,
)
from gitops_orch.model.problem import Position

KEY = "x-gitops"
DEFAULT_NAMESPACE = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_RELOADS = frozenset({"HUP", "USR1", "USR2", "WINCH", "INT", "QUIT", "TERM", "ALRM", "CONT", "URG", "IO"})
_REALTIME = re.compile(r"(SIG)?RTM(IN(\+([0-9]|1[0-5]))?|AX(-([0-9]|1[0-4]))?)")
_E = TypeVar("_E", bound=Enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPolicy:
    """The top-level `x-gitops` of an app, with defaults filled in."""

    namespace: str = DEFAULT_NAMESPACE
    placement: Placement = field(default_factory=Placement)
    depends_on: tuple[AppKey, ...] = ()
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    rollback: Rollback = Rollback.AUTO
    move: Move = Move.NEVER
    adopt: bool = False
    drift: Drift = Drift.ENFORCE
    files: FilesPolicy = FilesPolicy.MERGE
    prune: Prune = Prune.AUTO
    hold: Hold | None = None
    replace_volumes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Everything that differs from the defaults, except the hold, which changes no container.
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePolicy:
    """The `x-gitops` of a service."""

    stateful: bool = False
    reload: str | None = None  # a signal
    readiness: Readiness | None = None
    job: JobPolicy = field(default_factory=JobPolicy)


def is_name(value: object) -> TypeGuard[str]:
    """Return whether a value can be the name of an app or a namespace (Compose's rule for project names)."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def read_namespace(raw: object) -> str | None:
    """Return the namespace in `x-gitops`; None where the value is not a name."""
    if raw is None:
        return DEFAULT_NAMESPACE
    if not isinstance(raw, Mapping):
        return None
    namespace = raw.get("namespace", DEFAULT_NAMESPACE)
    return namespace if is_name(namespace) else None


def declared_fragment(raw: object) -> bool | None:
    """Return whether a file declares that it is a fragment, which is not an app; None where it does not declare it."""
    declared = raw.get("fragment") if isinstance(raw, Mapping) else None
    return declared if isinstance(declared, bool) else None


def read_policy(raw: Any, defaults: Mapping[str, Any], findings: Findings) -> AppPolicy | None:
    """Return the app's policy; None, with the mistakes in `findings`, where it cannot be read."""
    policy = _valid_policy(json.dumps([raw, defaults], sort_keys=True))
    if policy is None:
        findings.extend(schema_problems(raw, KEY, findings.place, (KEY,)))
        if not findings.failed:
            expected = "must be a time such as 2026-12-01T00:00:00Z"
            findings.error((KEY, "hold", "until"), f"{expected}, is {describe(_until(raw))}")
    return policy


@lru_cache(maxsize=4096)
def _valid_policy(text: str) -> AppPolicy | None:
    """Return the policy of an app's x-gitops and the fleet's defaults; None where there is a mistake in it."""
    raw, defaults = json.loads(text)
    if raw is not None and any(schema_problems(raw, KEY, _nowhere)):
        return None
    own: Mapping[str, Any] = raw or {}
    hold = own.get("hold")
    until = _moment(_until(own))
    if _until(own) is not None and until is None:
        return None
    namespace = own.get("namespace", DEFAULT_NAMESPACE)
    placement = own.get("placement", {})
    choices = {**defaults, **own}
    policy = AppPolicy(
        namespace=namespace,
        placement=Placement(
            hosts=tuple(placement.get("hosts", ())), constraints=tuple(placement.get("constraints", ()))
        ),
        depends_on=tuple(app_key(name, namespace) for name in own.get("depends_on", ())),
        rollout=_rollout({**defaults.get("rollout", {}), **own.get("rollout", {})}),
        rollback=_choice(Rollback, choices.get("rollback"), Rollback.AUTO),
        move=_choice(Move, own.get("move"), Move.NEVER),
        adopt=own.get("adopt", False),
        drift=_choice(Drift, choices.get("drift"), Drift.ENFORCE),
        files=_choice(FilesPolicy, own.get("files"), FilesPolicy.MERGE),
        prune=_choice(Prune, choices.get("prune"), Prune.AUTO),
        hold=Hold(reason=hold["reason"], until=until) if hold else None,
        replace_volumes={key: tuple(words) for key, words in own.get("replace_volumes", {}).items()},
    )
    values = _beyond_defaults(replace(policy, hold=None))
    return replace(policy, fingerprint=json.dumps(values, sort_keys=True))


def read_service_policy(service: str, raw: object, findings: Findings) -> ServicePolicy:
    """Return a service's policy; mistakes are added to `findings`."""
    if raw is None:
        return ServicePolicy()
    problems = list(schema_problems(raw, f"{KEY}#/$defs/service", findings.place, ("services", service, KEY)))
    findings.extend(problems)
    if problems or not isinstance(raw, Mapping):
        return ServicePolicy()
    signal = raw.get("reload")
    if signal is not None and not _is_reload(signal):
        findings.error(
            ("services", service, KEY, "reload"), f"{signal} is no signal to reload by; write SIGHUP"
        )
        signal = None
    readiness = read_readiness(raw.get("readiness"), ("services", service, KEY, "readiness"), findings)
    job = read_job(service, raw.get("job") or {}, findings)
    stateful = raw.get("stateful", False)
    return ServicePolicy(stateful=stateful, reload=signal, readiness=readiness, job=job)


def _is_reload(name: str) -> bool:
    """Return whether an Engine knows the signal, and a process can react to it by reading its files again."""
    return _REALTIME.fullmatch(name) is not None or name.removeprefix("SIG") in _RELOADS


def app_key(name: str, namespace: str) -> AppKey:
    """Return the app that a name means in an app of that namespace: `db`, or `other/db`."""
    head, slash, tail = name.partition("/")
    return AppKey(namespace=head, name=tail) if slash else AppKey(namespace=namespace, name=name)


def _choice(kind: type[_E], value: str | None, default: _E) -> _E:
    return default if value is None else kind(value)


def _rollout(raw: Mapping[str, Any]) -> RolloutPolicy:
    default = RolloutPolicy()
    return RolloutPolicy(
        healthy_deadline_s=_seconds(raw.get("healthy_deadline"), default.healthy_deadline_s),
        progress_deadline_s=_seconds(raw.get("progress_deadline"), default.progress_deadline_s),
        restarts_max=int(raw.get("restarts_max", default.restarts_max)),
        canary=int(raw.get("canary", default.canary)),
        auto_promote=raw.get("auto_promote", default.auto_promote),
        surge_max=_count(raw.get("max_surge")),
        unavailable_max=_count(raw.get("max_unavailable")),
    )


def _seconds(text: str | None, default: float) -> float:
    seconds = None if text is None else parse_duration(text)
    return default if seconds is None else seconds


def _count(number: float | None) -> int | None:
    return None if number is None else int(number)


def _until(own: Mapping[str, Any]) -> str | None:
    until: str | None = (own.get("hold") or {}).get("until")
    return until


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
        # A time without a zone is UTC: the controller's local zone must not decide how long a hold lasts.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # there is no such day, or none in UTC
        return None


def _nowhere(_path: KeyPath) -> Position:
    return Position(path="")


def _beyond_defaults(value: Any) -> Any:
    """Return a value as JSON without fields that have their defaults, so that a new field changes no fingerprint."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_beyond_defaults(each) for each in value]
    if not is_dataclass(value) or isinstance(value, type):
        return value
    blank: Any = type(value)() if not isinstance(value, AppKey) else None
    return {
        part.name: _beyond_defaults(getattr(value, part.name))
        for part in fields(value)
        if blank is None or getattr(value, part.name) != getattr(blank, part.name)
    }
