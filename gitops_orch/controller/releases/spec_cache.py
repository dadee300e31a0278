"""Computes container specs of services once for each release, because that costs more than a comparison."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

from gitops_orch.engine.labels import SPEC_HASH_VERSION
from gitops_orch.engine.observe.visible_fields import visible_fields
from gitops_orch.engine.payload.container import ContainerPayload
from gitops_orch.engine.payload.spec_hash import canonical_payload, hash_payload, older_hashes, why_refused
from gitops_orch.model.app import App, AppKey, FileMount, Service
from gitops_orch.model.observed import other_limits
from gitops_orch.planner.hooks.pre_start import pre_start_services
from gitops_orch.planner.inputs.world import ContainerSpec

SpecKey = tuple[AppKey, str, str]
Refusal = tuple[SpecKey, str]  # and an API version


class SpecCache:
    """Remembers results for the releases that were asked for last."""

    def __init__(self) -> None:
        self._specs: dict[SpecKey, ContainerSpec] = {}
        # By identity of the app: the app, which is so kept alive, and the keyed app.
        self._keyed: dict[int, tuple[App, App]] = {}
        self._refusals: dict[Refusal, str] = {}
        self._salt = ""

    def keyed(self, apps: Iterable[App], salt: str) -> Mapping[tuple[AppKey, str], App]:
        """Return the apps, by key and digest, with keyed digests of secrets, which volumes show in names and labels."""
        known = self._keyed if salt == self._salt else {}
        # By identity, not by digest: two apps of one digest may differ in settings that change no container, such as a
        # hold.
        self._keyed = {
            id(app): known[id(app)] if id(app) in known else (app, _keyed(app, salt)) for app in apps
        }
        return {(app.key, app.digest): keyed for app, keyed in self._keyed.values()}

    def specs(self, apps: Iterable[App], salt: str) -> Mapping[SpecKey, ContainerSpec]:
        """Return the spec of every service, by app, digest and name; forget the specs that are not asked for."""
        known = self._specs if salt == self._salt else {}
        fresh: dict[SpecKey, ContainerSpec] = {}
        for app in apps:
            for service in chain(app.services, *map(pre_start_services, app.services)):
                key = (app.key, app.digest, service.name)
                fresh[key] = known.get(key) or _spec(canonical_payload(app, service), app, service, salt)
        self._specs, self._salt = fresh, salt
        return fresh

    def hashes(self, app: App, salt: str) -> Mapping[str, frozenset[str]]:
        """Return, by service, the spec hashes that containers of a release may have, from all versions of the hash."""
        keyed, found = _keyed(app, salt), {}
        for service in keyed.services:
            known = self._specs.get((app.key, app.digest, service.name)) if salt == self._salt else None
            spec = known or _spec(canonical_payload(keyed, service), keyed, service, salt)
            found[service.name] = frozenset({spec.hash, *spec.older.values()})
        return found

    def refusals(self, apps: Iterable[App], api_versions: frozenset[str]) -> Mapping[Refusal, str]:
        """Return why services cannot run as declared on Engines of these API versions.

        Services that can run are left out.
        """
        fresh: dict[Refusal, str] = {}
        for app in apps:
            for service in app.services:
                for version in api_versions:
                    key = ((app.key, app.digest, service.name), version)
                    known = self._refusals.get(key)
                    fresh[key] = why_refused(app, service, version) if known is None else known
        self._refusals = fresh
        return {key: why for key, why in fresh.items() if why}


def _keyed(app: App, salt: str) -> App:
    if not any(files.secret for service in app.services for files in service.files):
        return app
    services = (
        replace(service, files=tuple(_keyed_files(files, salt) for files in service.files))
        for service in app.services
    )
    return replace(app, services=tuple(services))


def _keyed_files(files: FileMount, salt: str) -> FileMount:
    if not files.secret:
        return files
    return replace(files, digest=hmac.new(salt.encode(), files.digest.encode(), hashlib.sha256).hexdigest())


def _spec(payload: ContainerPayload, app: App, service: Service, salt: str) -> ContainerSpec:
    body = payload.body
    host_config = body["HostConfig"]
    assert isinstance(host_config, Mapping)  # noqa: S101 - container_payload builds it so
    return ContainerSpec(
        hash=hash_payload(payload, app, service, salt=salt),
        version=SPEC_HASH_VERSION,
        older=older_hashes(payload, app, service, salt=salt),
        restart_policy=_restart_policy(host_config.get("RestartPolicy")),
        memory_bytes=_integer(host_config.get("Memory")),
        nano_cpus=_integer(host_config.get("NanoCpus")),
        pids_limit=_integer(host_config.get("PidsLimit")),
        other_limits=other_limits(host_config),
        environment=tuple(entry for entry in _strings(body.get("Env")) or () if "=" in entry),
        command=_strings(body.get("Cmd")),
        entrypoint=_strings(body.get("Entrypoint")),
        visible=visible_fields(body, host_config),
    )


def _restart_policy(policy: object) -> str:
    """Return a restart policy as Compose writes it and as an inspection is read: `on-failure:3`."""
    if not isinstance(policy, Mapping):
        return "no"
    name, count = str(policy.get("Name") or "no"), _integer(policy.get("MaximumRetryCount"))
    return f"{name}:{count}" if count and name == "on-failure" else name


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0


def _strings(value: object) -> tuple[str, ...] | None:
    return tuple(str(each) for each in value) if isinstance(value, (list, tuple)) and value else None
