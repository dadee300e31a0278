"""The spec hash: what a container was made from, in one line (DESIGN.md, decision 7).

Note [What the hash covers]
It covers the create payload for a host that does not exist (a fixed API version, symbolic directories, other services
by name) and what the mounted files contain.  So it sees everything that the container sees and nothing else: not the
host, the slot, the commit, the rollout knobs, the number of replicas, nor a newer version of this product.  A change
to this function needs a new `SPEC_HASH_VERSION`, and the old function must stay beside it.
"""

import hashlib
import hmac
import json
from dataclasses import replace

from gitops_orch.engine.labels import user_labels
from gitops_orch.engine.payload import ContainerPayload, container_payload
from gitops_orch.engine.payload_target import PayloadTarget
from gitops_orch.model.app import App, FileMount, Service
from gitops_orch.model.plan import ContainerIntent

_NOWHERE = PayloadTarget(host="", api_version="1.999", root_dir="{root}", data_root="{data}")


def spec_hash(app: App, service: Service, *, salt: str) -> str:
    """Return the hex SHA-256 of what a container of the service is made from; contents of secrets count keyed by `salt`."""
    return hash_payload(canonical_payload(app, service), service, salt=salt)


def canonical_payload(app: App, service: Service) -> ContainerPayload:
    """Return the create payload for a host that does not exist: what is declared of a container, wherever it runs."""
    nameless = replace(service, files=tuple(replace(files, digest="") for files in service.files))
    intent = ContainerIntent(
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
    return container_payload(intent, _NOWHERE, user_labels(service.compose))


def hash_payload(payload: ContainerPayload, service: Service, *, salt: str) -> str:
    """Return the spec hash of a canonical payload and the contents of the service's files."""
    canonical = json.dumps(
        [payload.body, payload.platform, sorted(_files_row(files, salt) for files in service.files)],
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _files_row(files: FileMount, salt: str) -> list[str]:
    """Return where files are mounted and what they hold; a data directory's seed is not in it: it is laid down once."""
    return [files.target, "" if files.writable_path is not None else contents_digest(files, salt)]


def contents_digest(files: FileMount, salt: str) -> str:
    """Return a digest of paths, modes, owners and contents; keyed for a secret, so that it cannot be guessed from."""
    digest = hmac.new(salt.encode() if files.secret else b"", digestmod=hashlib.sha256)
    for entry in sorted(files.entries, key=lambda entry: entry.path):
        content = hashlib.sha256(entry.content.reveal()).hexdigest()
        digest.update(json.dumps([entry.path, entry.mode, entry.uid, entry.gid, content]).encode())
    return digest.hexdigest()
