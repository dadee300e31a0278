"""Names that find our own work again: of containers, and of the volumes that carry files from Git."""

import hashlib

HASH_LENGTH = 7
FILES_HASH_LENGTH = 12


def container_name(project: str, service: str, slot: int, spec_hash: str, image_id: str) -> str:
    """Return `<project>-<service>-<slot>-<7 hex>`; the tail covers the spec hash and the image id.

    A create that is repeated after a lost reply therefore finds what it made, and two generations never share a name.
    """
    tail = hashlib.sha256(f"{spec_hash}\n{image_id}".encode()).hexdigest()[:HASH_LENGTH]
    return f"{compose_name(project, service, slot)}-{tail}"


def compose_name(project: str, service: str, slot: int) -> str:
    """Return the name that Compose would give: peers may reach a container by it, so it is a network alias."""
    return f"{project}-{service}-{slot}"


def files_volume_name(project: str, digest: str) -> str:
    """Return the name of the content-addressed volume that carries a file set of that digest."""
    return f"{project}_files_{digest[:FILES_HASH_LENGTH]}"


def live_volume_name(project: str, live: str) -> str:
    """Return the name of the volume that carries a file set which is changed in place."""
    return f"{project}_live_{live}"


def live_record_name(project: str, live: str, digest: str) -> str:
    """Return the name of the volume whose being there records that a live file set holds this content, and is in use."""
    return f"{live_volume_name(project, live)}.{digest[:FILES_HASH_LENGTH]}"
