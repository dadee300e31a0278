"""Specs of services: hash and declared fields, computed once per release, because they cost more than a comparison."""

from collections.abc import Iterable, Mapping

from gitops_orch.engine.payload import ContainerPayload
from gitops_orch.engine.spec_hash import canonical_payload, hash_payload
from gitops_orch.model.app import App, AppKey
from gitops_orch.planner.world import Spec

SpecKey = tuple[AppKey, str, str]


class Stamper:
    """Remembers the specs of the releases that were asked for last."""

    def __init__(self) -> None:
        self._specs: dict[SpecKey, Spec] = {}
        self._salt = ""

    def specs(self, apps: Iterable[App], salt: str) -> Mapping[SpecKey, Spec]:
        """Return the spec of every service, by app, digest and name; forgets those that are not asked for."""
        known = self._specs if salt == self._salt else {}
        fresh: dict[SpecKey, Spec] = {}
        for app in apps:
            for service in app.services:
                key = (app.key, app.digest, service.name)
                fresh[key] = known.get(key) or _spec(canonical_payload(app, service), app, service.name, salt)
        self._specs, self._salt = fresh, salt
        return fresh


def _spec(payload: ContainerPayload, app: App, service: str, salt: str) -> Spec:
    body = payload.body
    host_config = body["HostConfig"]
    assert isinstance(host_config, Mapping)  # noqa: S101 - container_payload makes it so
    return Spec(
        hash=hash_payload(payload, app.service(service), salt=salt),
        restart_policy=_restart_policy(host_config.get("RestartPolicy")),
        memory_bytes=_integer(host_config.get("Memory")),
        nano_cpus=_integer(host_config.get("NanoCpus")),
        pids_limit=_integer(host_config.get("PidsLimit")),
        environment=tuple(entry for entry in _strings(body.get("Env")) or () if "=" in entry),
        command=_strings(body.get("Cmd")),
        entrypoint=_strings(body.get("Entrypoint")),
    )


def _restart_policy(policy: object) -> str:
    """As Compose writes it, and as an inspection is read: `on-failure:3`."""
    if not isinstance(policy, Mapping):
        return "no"
    name, count = str(policy.get("Name") or "no"), _integer(policy.get("MaximumRetryCount"))
    return f"{name}:{count}" if count else name


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0


def _strings(value: object) -> tuple[str, ...] | None:
    return tuple(str(each) for each in value) if isinstance(value, (list, tuple)) and value else None
