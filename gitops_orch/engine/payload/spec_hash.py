"""Computes the spec hash: one value for everything that a container is created from.

Note [What the hash covers]
It covers the create payload for a host that does not exist (a fixed API version, symbolic directories, other services
by name) and the contents of the mounted files. So it changes with everything that the container sees, and with nothing
else: not with the host, the slot, the commit, rollout settings, the number of replicas, or a newer version of this
product. A change to this function needs a new `SPEC_HASH_VERSION`, and the old function must be kept.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from gitops_orch.engine.labels import user_labels
from gitops_orch.engine.payload.container import ContainerPayload, container_payload
from gitops_orch.engine.payload.network import network_payload
from gitops_orch.engine.payload.target import PayloadTarget
from gitops_orch.errors import Unsupported
from gitops_orch.model.app import App, FileMount, FilesPolicy, Service
from gitops_orch.model.plan.values import ContainerIntent

_NOWHERE = PayloadTarget(host="", api_version="1.999", root_dir="{root}", data_root="{data}")


def spec_hash(app: App, service: Service, *, salt: str) -> str:
    """Return the hex SHA-256 of a service's container spec; contents of secrets are hashed with the key `salt`."""
    return hash_payload(canonical_payload(app, service), app, service, salt=salt)


def older_hashes(payload: ContainerPayload, app: App, service: Service, *, salt: str) -> Mapping[str, str]:
    """Return the result of each former hash function by version; older containers are compared by these."""
    return {version: function(payload, app, service, salt) for version, function in FORMER.items()}


def why_refused(app: App, service: Service, api_version: str) -> str:
    """Return why an Engine of that API version cannot run the service as the file declares it; "" if it can."""
    target = replace(_NOWHERE, api_version=api_version)
    try:
        container_payload(_intent(app, service), target, {})
        for network in app.networks:
            if network.key in service.networks and not network.external:
                network_payload(network, {}, target)
    except Unsupported as error:
        return str(error).removeprefix(f"{target.host}: ")
    return ""


def canonical_payload(app: App, service: Service) -> ContainerPayload:
    """Return the create payload for a host that does not exist: what is declared, independent of the host."""
    return container_payload(_intent(app, service), _NOWHERE, user_labels(service.compose))


def _intent(app: App, service: Service) -> ContainerIntent:
    nameless = replace(service, files=tuple(replace(files, digest="") for files in service.files))
    return ContainerIntent(
        app=app,
        service=nameless,
        slot=0,
        name="",
        commit="",
        spec_hash="",
        salt="",
        image=service.image,
        image_digest="",
    )


def hash_payload(payload: ContainerPayload, app: App, service: Service, *, salt: str) -> str:
    """Return the spec hash of a canonical payload and the contents of the service's files."""
    return _hash(payload, [[files.target, _counted(app, files, salt)] for files in service.files])


def _hash(payload: ContainerPayload, files: list[list[str]]) -> str:
    canonical = json.dumps(
        [payload.body, payload.platform, sorted(files)], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _counted(app: App, files: FileMount, salt: str) -> str:
    """Return the digest of a mount's contents that the hash covers.

    Return "" for files that are changed in place while a container runs, and for files that the host keeps.
    """
    hosts_own = files.writable_path is not None and app.files is FilesPolicy.HOST
    if files.live is not None or hosts_own or (files.writable_path is not None and not files.entries):
        return ""
    digest = contents_digest(files, salt)
    return digest if files.user is None else f"{digest} {files.user}"


def _hash_1(payload: ContainerPayload, _app: App, service: Service, salt: str) -> str:
    """Version 1 did not cover files in writable mounts, which were written only once."""
    fixed = (files.writable_path is None and files.live is None for files in service.files)
    rows = [
        [files.target, contents_digest(files, salt) if is_fixed else ""]
        for files, is_fixed in zip(service.files, fixed, strict=True)
    ]
    return _hash(payload, rows)


# The hash function of every version but the current one; the key is the value of the label `hash-version`.
FORMER: Mapping[str, Callable[[ContainerPayload, App, Service, str], str]] = {"1": _hash_1}


def contents_digest(files: FileMount, salt: str) -> str:
    """Return a digest of paths, modes, owners and contents; keyed for a secret, so that guesses cannot be checked."""
    digest = hmac.new(salt.encode() if files.secret else b"", digestmod=hashlib.sha256)
    for entry in sorted(files.entries, key=lambda entry: entry.path):
        content = hashlib.sha256(entry.content.reveal()).hexdigest()
        digest.update(json.dumps([entry.path, entry.mode, entry.uid, entry.gid, content]).encode())
    return digest.hexdigest()
