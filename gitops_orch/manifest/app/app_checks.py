"""Checks of `validate`, `plan` and `sync` on one app, in addition to Compose's own."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitops_orch.manifest.app.compile_service import check_words
from gitops_orch.manifest.app.engine_values import check_values
from gitops_orch.manifest.app.jobs import check_jobs
from gitops_orch.manifest.app.policy import KEY
from gitops_orch.manifest.keys.service_keys import SERVICE_KEYS
from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.problems.suggest import did_you_mean
from gitops_orch.manifest.syntax.duration import parse_duration
from gitops_orch.model.app import App, Service, UpdatePolicy
from gitops_orch.model.problem import Problem
from gitops_orch.model.rules.labels import LABEL_PREFIX

_CONSTRAINT_HINT = "write it as node.labels.zone == eu"
_HEALTHCHECK_S = {"interval": 30.0, "timeout": 30.0, "start_period": 0.0}
_HEALTHCHECK_RETRIES = 3
REPLICAS_MAX = 1_000  # a mistyped number must not lead to a plan of millions of steps
_USUAL_RETRIES = 10  # with the default times, an upper bound beyond the deadline is no sign of a mistake
_UNKNOWN_KEY = re.compile(r"(?P<path>(?:services\.[^:]+\.)?(?P<key>\w+)): unknown key")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet:
    """A feature of the file format that this version does not support; `values` empty means any value."""

    path: tuple[str, ...]  # below spec of a Host
    what: str
    values: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Return the message for it."""
        return f"not supported yet: {self.what} work for a later version"


# A key that is accepted but has no effect would mislead users: each row is removed when its feature is implemented.
NOT_YET_HOST = (NotYet(path=("engine",), values=("swarm",), what="Swarm engines are"),)

_UNRECONCILED = {name: key.refused for name, key in SERVICE_KEYS.items() if key.refused is not None}
_TOP_LEVEL = ("models",)  # the refused keys that are at the top level, too
_UNDEFINED = {  # keys in the schema of the Compose specification that its text does not describe
    "pull_refresh_after": (
        "no version of Compose reads it, and the Compose specification does not say what it means; "
        "write pull_policy: every_12h to compare the tag with its registry at most once in 12 hours"
    )
}


def explain_unknown_key(problem: Problem) -> Problem:
    """Return the right message for keys that our Compose does not know and newer versions do: they are not mistyped."""
    match = _UNKNOWN_KEY.match(problem.message)
    if match is None:
        return problem
    key = match["key"]
    reasons = _UNDEFINED | {
        name: f"cannot be reconciled from Git: {refused.why}; {refused.way_out}"
        for name, refused in _UNRECONCILED.items()
    }
    if key not in reasons or (match["path"] == key and key not in _TOP_LEVEL):
        return problem
    return replace(problem, message=f"{match['path']}: {reasons[key]}")


def not_yet(rows: tuple[NotYet, ...], value: Mapping[str, Any], base: KeyPath, findings: Findings) -> None:
    """Add a mistake for every unsupported feature that a value uses."""
    for row in rows:
        found: Any = value
        for key in row.path:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is not None and (not row.values or found in row.values):
            findings.error((*base, *row.path), row.sentence)


def check_before(model: Mapping[str, Any], findings: Findings) -> None:
    """Add the mistakes that prevent services from being compiled."""
    for name, body in (model.get("services") or {}).items():
        base = ("services", name)
        _check_unreconciled(body, base, findings)
        check_words(name, body, findings)
        check_values(body, base, findings)
        _check_passed_on(body, base, findings)


def _check_passed_on(body: Mapping[str, Any], base: KeyPath, findings: Findings) -> None:
    """Warn, once for a service, of variables without a value that no committed variable sets."""
    environment = body.get("environment") or {}
    unset = [key for key, value in environment.items() if value is None]
    if not unset:
        return
    if len(unset) == 1:
        path: KeyPath = (*base, "environment", unset[0])
        message = (
            f"has no value and no committed variable {unset[0]} gives one, so it is not set in the container"
        )
    else:
        path = (*base, "environment")
        names = f"{', '.join(unset[:-1])} and {unset[-1]}"
        message = (
            f"{names} have no value and no committed variables give one, so they are not set in the container"
        )
    first = min(((*base, "environment", key) for key in unset), key=findings.place)
    findings.warn(path, message, at=first)


def check_after(app: App, findings: Findings) -> None:
    """Add the mistakes that concern several parts of a compiled app."""
    if app.rollout.surge_max == 0 and app.rollout.unavailable_max == 0:
        findings.error(
            (KEY, "rollout"),
            "with max_surge 0 and max_unavailable 0 no container can be replaced; raise one of them",
        )
    for volume in app.volumes:
        options: Any = volume.compose.get("driver_opts") or {}
        device = str(options.get("device") or "/")
        if "bind" in str(options.get("o") or "") and not device.startswith("/"):
            findings.error(
                ("volumes", volume.key, "driver_opts", "device"),
                f"{device} is relative, and no host knows to what; write an absolute path, or a bind in the service",
            )
    for network in app.networks:
        if network.driver == "overlay" and not network.external and not network.compose.get("attachable"):
            findings.error(
                ("networks", network.key), "no container can join an overlay without attachable: true; add it"
            )
    _check_labels(app, findings)
    _check_replaced(app, findings)
    check_jobs(app, findings)
    for service in app.services:
        base = ("services", service.name)
        _check_update(app, service.update, (*base, "deploy", "update_config"), findings)
        if service.rollback != service.update:
            _check_update(app, service.rollback, (*base, "deploy", "rollback_config"), findings)
        _check_replicas(service, base, findings)
        _check_constraints(
            service.placement.constraints, (*base, "deploy", "placement", "constraints"), findings
        )
        _check_targets(service, base, findings)
        _check_deadline(app, service, base, findings)
        if service.readiness is not None and service.job:
            findings.error((*base, KEY, "readiness"), "a job ends, so it is never ready; remove it")


def _check_replaced(app: App, findings: Findings) -> None:
    """Warn of a consent for an external volume, or for a missing one.

    A mistyped or outdated consent is no reason to hold an app.
    """
    known = {volume.key: volume for volume in app.volumes}
    for key in app.replace_volumes:
        where = (KEY, "replace_volumes", key)
        if key not in known:
            findings.warn(where, f"there is no volume {key} that a service uses{did_you_mean(key, known)}")
        elif known[key].external:
            findings.warn(where, "an external volume is not ours, and never replaced; remove the line")


def _check_labels(app: App, findings: Findings) -> None:
    """Refuse labels with our own prefix, because an object that has them counts as ours.

    A volume with data could be mistaken for a copy of files from Git.
    """
    parts: list[tuple[KeyPath, Mapping[str, Any]]] = [
        *((("services", each.name), each.compose) for each in app.services),
        *((("networks", each.key), each.compose) for each in app.networks),
        *((("volumes", each.key), each.compose) for each in app.volumes),
    ]
    for base, body in parts:
        labels: Any = body.get("labels") or {}
        for name in labels:
            if str(name).startswith(LABEL_PREFIX):
                findings.error(
                    (*base, "labels", name), f"labels that begin with {LABEL_PREFIX} are the product's own"
                )


def split_networks(app: App) -> Iterator[tuple[Service, str]]:
    """Yield services that may run on other hosts than their peers in a local network, with that network."""
    users = Counter(key for service in app.services for key in set(service.networks))
    local = {each.key for each in app.networks if not each.external and each.driver != "overlay"}
    for service in app.services:
        shared = [key for key in service.networks if key in local and users[key] > 1]
        if shared and app.spreads(service):
            yield service, min(shared)


def _check_unreconciled(body: Mapping[str, Any], base: KeyPath, findings: Findings) -> None:
    for key, refused in _UNRECONCILED.items():
        if not body.get(key):
            continue
        if refused.is_harmless_beside_image and body.get("image"):
            findings.warn((*base, key), f"is skipped: {refused.why}")
        else:
            findings.error((*base, key), f"cannot be reconciled from Git: {refused.why}; {refused.way_out}")


def _check_update(app: App, policy: UpdatePolicy, base: KeyPath, findings: Findings) -> None:
    monitor, deadline = policy.monitor_s, app.rollout.step_deadline_s
    if monitor >= deadline:
        findings.error(
            (*base, "monitor"),
            f"{monitor:g}s can never pass before {_deadline_key(app)} gives up after {deadline:g}s; "
            "lower one or raise the other",
        )
    if not 0 <= policy.failure_ratio_max <= 1:
        ratio = policy.failure_ratio_max
        findings.error((*base, "max_failure_ratio"), f"must lie between 0 and 1, is {ratio:g}")


def _deadline_key(app: App) -> str:
    """Return the key of the deadline that ends first."""
    sooner = app.rollout.progress_deadline_s < app.rollout.healthy_deadline_s
    return f"{KEY}.rollout.{'progress' if sooner else 'healthy'}_deadline"


def _check_replicas(service: Service, base: KeyPath, findings: Findings) -> None:
    count = service.replicas
    if count > REPLICAS_MAX:
        deploy: Any = service.compose.get("deploy") or {}
        key = ("deploy", "replicas") if "replicas" in deploy else ("scale",)
        findings.error((*base, *key), f"is {count}, at most {REPLICAS_MAX} replicas of a service are run")
    if count < 2:  # noqa: PLR2004  # one container cannot conflict with itself
        return
    networks: Any = service.compose.get("networks") or {}
    for name, network in networks.items():
        if isinstance(network, Mapping) and (network.get("ipv4_address") or network.get("ipv6_address")):
            findings.error(
                (*base, "networks", name),
                f"one address for {count} replicas; remove the address, or run one replica",
            )


def _check_constraints(constraints: tuple[str, ...], base: KeyPath, findings: Findings) -> None:
    for index, text in enumerate(constraints):
        key, operator, value = text.partition("==") if "==" in text else text.partition("!=")
        if not key.strip() or not operator or not value.strip():
            findings.error((*base, index), f"{text!r} is no constraint; {_CONSTRAINT_HINT}")


def _check_targets(service: Service, base: KeyPath, findings: Findings) -> None:
    volumes: Any = service.compose.get("volumes") or ()
    seen: set[str] = set()
    for target in [str(volume.get("target")) for volume in volumes] + [file.target for file in service.files]:
        place = target.rstrip("/") or "/"
        if place in seen:
            findings.error(base, f"two mounts at {place}; remove one of them")
        seen.add(place)


def _check_deadline(app: App, service: Service, base: KeyPath, findings: Findings) -> None:
    """Warn if the deadline ends before a container can be healthy, or before a slow container has used its time."""
    check: Any = service.compose.get("healthcheck")
    if not check or check.get("disable") or check.get("test") == ["NONE"]:
        return
    given = {
        key: parse_duration(str(check.get(key) or "")) or default for key, default in _HEALTHCHECK_S.items()
    }
    retries = int(check.get("retries") or _HEALTHCHECK_RETRIES)
    bound = given["start_period"] + (given["interval"] + given["timeout"]) * retries
    deadline = app.rollout.healthy_deadline_s
    gives_up = f"{KEY}.rollout.healthy_deadline gives up after {deadline:g}s"
    is_usual = retries <= _USUAL_RETRIES and all(given[key] <= _HEALTHCHECK_S[key] for key in given)
    if given["interval"] >= deadline and not given["start_period"]:
        findings.warn(
            (*base, "healthcheck"),
            f"the first check comes after {given['interval']:g}s, and {gives_up}, so no new container is ever "
            "healthy in time; shorten the interval, or raise the deadline",
        )
    elif bound > deadline and not is_usual:
        findings.warn(
            (*base, "healthcheck"),
            f"lets a container take {bound:g}s (start_period + (interval + timeout) * retries) before it counts as "
            f"unhealthy, and {gives_up}; raise the deadline if a good one may take that long to start",
        )
