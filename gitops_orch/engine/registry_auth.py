"""Registry credentials in the form of Docker's config.json: which of them a pull sends along."""

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path

from gitops_orch.errors import SettingsError
from gitops_orch.redaction import learn, learn_login

DOCKER_HUB = "https://index.docker.io/v1/"
_HUB_NAMES = {"docker.io", "index.docker.io", "registry-1.docker.io"}


class Registries:
    """Credentials by registry.  The file is read at every pull, so that a rotated token needs no restart."""

    def __init__(self, path: str | None) -> None:
        self._path = path

    def header(self, image: str) -> str | None:
        """Return X-Registry-Auth for the image's registry; None where the file has nothing for it.

        SettingsError where the file cannot be read.
        """
        if self._path is None:
            return None
        entry = self._entries().get(registry_of(image))
        if entry is None:
            return None
        return base64.urlsafe_b64encode(json.dumps(entry).encode()).decode()

    def _entries(self) -> dict[str, dict[str, str]]:
        path = str(self._path)
        try:
            auths = json.loads(Path(path).read_text(encoding="utf-8")).get("auths", {})
            return {_registry_name(key): _entry(key, value) for key, value in auths.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise SettingsError(
                f"registries: {path} cannot be used: {error}",
                hint='it must be readable and hold {"auths": {"registry": {"auth": "..."}}}',
            ) from error


def registry_of(image: str) -> str:
    """Return the registry's host of an image reference; Docker Hub has one name here."""
    first, separator, _ = image.partition("/")
    if separator and ("." in first or ":" in first or first == "localhost"):
        return _registry_name(first)
    return "docker.io"


def _registry_name(key: str) -> str:
    """Return the host of an `auths` key, which may be written as a URL with a path."""
    host = key.split("://", 1)[-1].split("/", 1)[0]
    return "docker.io" if host in _HUB_NAMES else host


def _entry(key: str, value: Mapping[str, str]) -> dict[str, str]:
    """Return the credentials as the Engine wants them: user and password apart."""
    entry = {"serveraddress": DOCKER_HUB if _registry_name(key) == "docker.io" else key}
    for name in ("username", "password", "identitytoken", "registrytoken", "email"):
        if value.get(name):
            entry[name] = value[name]
    if value.get("auth"):
        entry["username"], entry["password"] = _decode(key, value["auth"])
    learn_login(entry.get("username", ""), entry.get("password", ""))
    learn(entry.get("identitytoken", ""), entry.get("registrytoken", ""))
    return entry


def _decode(key: str, auth: str) -> tuple[str, str]:
    try:
        user, separator, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"auth of {key} is no base64 of user:password") from error
    if not separator:
        raise ValueError(f"auth of {key} is no base64 of user:password")
    return user, password.rstrip("\0")
