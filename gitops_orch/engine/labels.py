"""Defines the labels of all objects that we create: their owner, their origin, and what Compose tools read."""

import re
from collections.abc import Mapping

from gitops_orch.model.app import AppKey, Json, Network, Volume
from gitops_orch.model.job import RUN_SLOT_MAX, Hooks
from gitops_orch.model.observed import Ownership
from gitops_orch.model.plan.values import ContainerIntent
from gitops_orch.model.rules.data_mounts import mounts_text
from gitops_orch.model.rules.labels import (
    DEFINITION_LABEL,
    HOOKS_LABEL,
    INSTANCE_LABEL,
    LABEL_PREFIX,
    MOUNTS_LABEL,
)

PREFIX = LABEL_PREFIX
INSTANCE = INSTANCE_LABEL
NAMESPACE = PREFIX + "namespace"
APP = PREFIX + "app"
SERVICE = PREFIX + "service"
SLOT = PREFIX + "slot"
COMMIT = PREFIX + "commit"
RELEASE = PREFIX + "release"
SPEC_HASH = DEFINITION_LABEL
HASH_VERSION = PREFIX + "hash-version"
SALT = PREFIX + "salt"
IMAGE_DIGEST = PREFIX + "image-digest"
NAME = PREFIX + "name"  # the name that the container was created with
# Set if the slot had containers before. It distinguishes containers of equal spec, commit and image in one slot.
GENERATION = PREFIX + "generation"
FILES = PREFIX + "files"
# On a live volume (its files are changed in place) and on the volume that records its content: the live volume's name.
LIVE = PREFIX + "live"
# On a carrier: a container that is never started and only provides its mounts for a file transfer.
CARRIER = PREFIX + "carrier"
# On a marker volume: the name of a volume that is not completely filled yet.
FILLING = PREFIX + "filling"

COMPOSE_PREFIX = "com.docker.compose."
COMPOSE_PROJECT = COMPOSE_PREFIX + "project"
COMPOSE_SERVICE = COMPOSE_PREFIX + "service"
COMPOSE_VERSION = "2.26.1"  # the Compose version whose labels and object formats we use

SPEC_HASH_VERSION = "2"
SLOT_DIGITS_MAX = 12


def app_labels(instance: str, app: AppKey) -> dict[str, str]:
    """Return the labels that name the instance and the app that an object belongs to."""
    return {INSTANCE: instance, NAMESPACE: app.namespace, APP: app.name}


def container_labels(instance: str, intent: ContainerIntent) -> dict[str, str]:
    """Return all labels of a container: from its Compose file, from Compose, and ours, which no file can override."""
    return {
        **user_labels(intent.service.compose),
        **_compose_container_labels(intent),
        **app_labels(instance, intent.app.key),
        SERVICE: intent.service.name,
        SLOT: str(intent.slot),
        COMMIT: intent.commit,
        RELEASE: intent.app.digest,
        SPEC_HASH: intent.spec_hash,
        HASH_VERSION: SPEC_HASH_VERSION,
        SALT: intent.salt,
        IMAGE_DIGEST: intent.image_digest,
        NAME: intent.name,
        **({GENERATION: intent.generation} if intent.generation else {}),
        **_hooks_label(intent),
        **({MOUNTS_LABEL: mounts_text(intent.kept_mounts)} if intent.kept_mounts else {}),
    }


def _hooks_label(intent: ContainerIntent) -> dict[str, str]:
    service = intent.service
    text = Hooks(post_start=service.post_start, pre_stop=service.pre_stop).text()
    return {HOOKS_LABEL: text} if text else {}


def _compose_container_labels(intent: ContainerIntent) -> dict[str, str]:
    """Return the labels by which `docker compose ls`, `ps` and `logs`, and similar tools, group containers."""
    return {
        COMPOSE_PROJECT: intent.app.key.project,
        COMPOSE_SERVICE: intent.service.name,
        COMPOSE_PREFIX + "container-number": str(intent.slot),
        COMPOSE_PREFIX + "oneoff": "False",
        COMPOSE_PREFIX + "config-hash": intent.spec_hash,
        COMPOSE_PREFIX + "project.config_files": intent.app.path,
        COMPOSE_PREFIX + "version": COMPOSE_VERSION,
    }


def network_labels(instance: str, app: AppKey, network: Network) -> dict[str, str]:
    """Return the labels of an app's network."""
    return {
        **_object_labels(instance, app, network.compose),
        COMPOSE_PREFIX + "network": network.key,
        SPEC_HASH: network.definition,
    }


def volume_labels(instance: str, app: AppKey, volume: Volume) -> dict[str, str]:
    """Return the labels of an app's volume."""
    return {
        **_object_labels(instance, app, volume.compose),
        COMPOSE_PREFIX + "volume": volume.key,
        SPEC_HASH: volume.definition,
    }


def _object_labels(instance: str, app: AppKey, compose: Mapping[str, Json]) -> dict[str, str]:
    return {
        **user_labels(compose),
        COMPOSE_PROJECT: app.project,
        COMPOSE_PREFIX + "version": COMPOSE_VERSION,
        **app_labels(instance, app),
    }


def files_labels(instance: str, app: AppKey, digest: str) -> dict[str, str]:
    """Return the labels of a volume that carries a file set."""
    return {**app_labels(instance, app), FILES: digest}


def live_labels(instance: str, app: AppKey, name: str) -> dict[str, str]:
    """Return the labels of a volume whose files are changed in place; another volume records its content."""
    return {**app_labels(instance, app), LIVE: name}


def carrier_labels(instance: str, app: AppKey) -> dict[str, str]:
    """Return the labels of a carrier: ours, but without a service, so that no plan counts it as a container."""
    return {**app_labels(instance, app), CARRIER: "true"}


def user_labels(compose: Mapping[str, Json]) -> dict[str, str]:
    """Return the `labels` of a Compose object, as text."""
    labels = compose.get("labels")
    if not isinstance(labels, Mapping):
        return {}
    return {str(key): "" if value is None else str(value) for key, value in labels.items()}


def parse_ownership(labels: Mapping[str, str], instance: str) -> Ownership | None:
    """Return the app, service and slot of a container; None if it is foreign, of another instance, or a carrier.

    Anybody can write a label, so each value is checked: a value that we would never write makes the container foreign.
    Labels alone do not prove that we created a container: see `engine/observe/container_identity.py`.
    """
    owner = parse_owner(labels, instance)
    slot = _slot(labels.get(SLOT, ""))
    if owner is None or CARRIER in labels or slot is None:
        return None
    values = {key: labels.get(key, "") for key in _WORDS}
    if not all(map(_is_word, values.values())) or not (values[SERVICE] and values[SPEC_HASH]):
        return None  # these values are used later; a commit, for example, is passed to git
    return Ownership(
        app=owner,
        service=values[SERVICE],
        slot=slot,
        commit=values[COMMIT],
        release=values[RELEASE],
        spec_hash=values[SPEC_HASH],
        hash_version=values[HASH_VERSION],
        salt=values[SALT],
        image_digest=values[IMAGE_DIGEST],
        name=values[NAME],
        generation=values[GENERATION],
    )


_WORDS = (SERVICE, COMMIT, RELEASE, SPEC_HASH, HASH_VERSION, SALT, IMAGE_DIGEST, NAME, GENERATION)
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,255}")


def _is_word(value: str) -> bool:
    """Return whether a value has the form of a name or a digest; an empty value is accepted."""
    return not value or (_WORD.fullmatch(value) is not None and not value.startswith("-"))


def _slot(value: str) -> int | None:
    """Return a slot's number; None if it is no number, or above the latest possible time of a scheduled run."""
    if not (value.isascii() and value.isdigit() and len(value) <= SLOT_DIGITS_MAX):
        return None
    return int(value) if int(value) <= RUN_SLOT_MAX else None


def parse_owner(labels: Mapping[str, str], instance: str) -> AppKey | None:
    """Return the app that a network, a volume or a carrier belongs to; None if it is not of our instance."""
    namespace, name = labels.get(NAMESPACE), labels.get(APP)
    if labels.get(INSTANCE) != instance or not namespace or not name:
        return None
    if not (_is_word(namespace) and _is_word(name)):
        return None
    return AppKey(namespace=namespace, name=name)


def is_intended(owner: Ownership | None, intent: ContainerIntent) -> bool:
    """Return whether a container is the intended one; its commit may differ, if an earlier attempt created it."""
    return owner is not None and (
        owner.app,
        owner.service,
        owner.slot,
        owner.spec_hash,
        owner.hash_version,
        owner.salt,
        owner.image_digest,
    ) == (
        intent.app.key,
        intent.service.name,
        intent.slot,
        intent.spec_hash,
        SPEC_HASH_VERSION,
        intent.salt,
        intent.image_digest,
    )
