"""Names of containers, and of the volumes that carry files from Git, by which a later run finds its own objects."""

import hashlib
import re

HASH_LENGTH = 7
ANONYMOUS_LENGTH = 64
FILES_HASH_LENGTH = 12
_PRE_START = re.compile(r".+\.pre_start\.[0-9]+")


def is_anonymous(volume: str) -> bool:
    """Return whether the Engine generated this volume's name: 64 hex digits."""
    return len(volume) == ANONYMOUS_LENGTH and set(volume) <= set("0123456789abcdef")


def container_name(project: str, service: str, slot: int, spec_hash: str, image_id: str) -> str:
    """Return `<project>-<service>-<slot>-<7 hex>`; the last part covers the spec hash and the image id.

    A create that is repeated after a lost reply therefore finds the container that it created before. Two generations
    never share a name.
    """
    tail = hashlib.sha256(f"{spec_hash}\n{image_id}".encode()).hexdigest()[:HASH_LENGTH]
    return f"{compose_name(project, service, slot)}-{tail}"


def compose_name(project: str, service: str, slot: int) -> str:
    """Return the name that Compose would use; it is a network alias, because peers may reach a container by it."""
    return f"{project}-{service}-{slot}"


def files_volume_name(project: str, digest: str) -> str:
    """Return the name of the content-addressed volume that carries a file set of that digest."""
    return f"{project}_files_{digest[:FILES_HASH_LENGTH]}"


def live_volume_name(project: str, live: str) -> str:
    """Return the name of the volume that carries a live file set: one that is changed in place."""
    return f"{project}_live_{live}"


def live_record_name(project: str, live: str, digest: str) -> str:
    """Return the name of the record volume of a live file set.

    If the volume exists, the live file set has the content of this digest and is in use.
    """
    return f"{live_volume_name(project, live)}.{digest[:FILES_HASH_LENGTH]}"


def mounts_record_name(project: str, service: str, slot: int) -> str:
    """Return the name of the volume whose label records where an adopted slot has its data.

    It is the last source of that fact when all others are lost.
    """
    return f"{project}_adopted_{service}_{slot}"


def pre_start_name(service: str, number: int) -> str:
    """Return the service name of the containers of a `pre_start` hook, by the number of the hook."""
    return f"{service}.pre_start.{number}"


def prepared_service(service: str) -> str:
    """Return the service that a `pre_start` container prepares; for any other name, the name itself."""
    return service.partition(".pre_start.")[0]


def is_pre_start(service: str) -> bool:
    """Return whether a service name is that of `pre_start` containers."""
    return _PRE_START.fullmatch(service) is not None
