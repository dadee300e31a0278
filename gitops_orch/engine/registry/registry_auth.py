"""Chooses the credentials that a pull sends to a registry, from a file in the form of Docker's config.json."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops_orch.engine.registry.credential_helpers import PREFIX, CredentialHelpers
from gitops_orch.errors import SettingsError
from gitops_orch.model.rules.image_reference import split_reference
from gitops_orch.redaction import learn, learn_login

DOCKER_HUB = "https://index.docker.io/v1/"
_HUB_NAMES = {"docker.io", "index.docker.io", "registry-1.docker.io"}
_SECRETS = ("username", "password", "identitytoken", "registrytoken")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullAuth:
    """The credentials that a pull sends, and the hint to show if it fails because there are none."""

    header: str | None = None  # X-Registry-Auth
    hint: str = ""


class Registries:
    """Credentials by registry. The file is read at every pull, so that a rotated token needs no restart."""

    def __init__(self, path: str | None, helpers: str | None = None) -> None:
        self._path = path
        self._helpers = CredentialHelpers(Path(helpers)) if helpers else None

    def for_pull(self, image: str) -> PullAuth:
        """Return the credentials of the image's registry; SettingsError if the file or a helper cannot be used."""
        if self._path is None:
            return PullAuth()
        file = self._read()
        registry = registry_of(image)
        entry = file.entries.get(registry)
        if not entry and self._helpers is not None:
            entry = self._asked(file, registry)
        if not entry:
            return PullAuth(hint=self._why_none(file, registry))
        entry = {"serveraddress": file.servers.get(registry) or _server(registry), **entry}
        header = base64.urlsafe_b64encode(json.dumps(entry).encode()).decode()
        # The header contains the password, and a proxy may show the request that it refuses in its answer.
        learn(header, header.rstrip("="))
        return PullAuth(header=header)

    def summary(self) -> str:
        """Return the registries that have credentials, as text; SettingsError for the first one that has none."""
        file = self._read()
        named = sorted({*file.servers, *file.helpers})
        for registry in named:
            if file.entries.get(registry) or (self._helpers and self._asked(file, registry)):
                continue
            raise SettingsError(
                f"there are no credentials for {registry}: {self._why_none(file, registry)}",
                hint=f"set credential_helpers, or write an auth for {registry} into {self._path}",
            )
        return f"credentials for {', '.join(named) or 'no registry'}"

    def _asked(self, file: "_File", registry: str) -> dict[str, str] | None:
        helper = file.helper_of(registry)
        if not helper or self._helpers is None:
            return None
        entry = self._helpers.ask(helper, file.servers.get(registry) or _server(registry))
        _learn(entry or {})
        return entry

    def _why_none(self, file: "_File", registry: str) -> str:
        """Return why no credentials are sent to a registry that the file names; "" if the file does not name it."""
        helper = file.helper_of(registry)
        if helper and self._helpers is None:
            return (
                f"{self._path} leaves them to {PREFIX}{helper}, which is not asked, "
                f"because no setting credential_helpers names the directory of {PREFIX}{helper}"
            )
        if helper:
            return f"{PREFIX}{helper} has none for {registry}; log in there with docker login {registry}"
        if registry in file.servers:
            return f"the entry of {registry} in {self._path} is empty; run docker login {registry} again"
        return ""

    def _read(self) -> "_File":
        path = str(self._path)
        try:
            return _File.of(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise SettingsError(
                f"registries: {path} cannot be used: {error}",
                hint='it must be readable and hold {"auths": {"registry": {"auth": "..."}}}',
            ) from error


@dataclass(frozen=True, slots=True)
class _File:
    """The file's content, by registry."""

    servers: Mapping[str, str]  # as written in the keys of `auths`
    entries: Mapping[str, dict[str, str]]  # empty if the file names a registry without credentials
    helpers: Mapping[str, str]
    store: str  # the helper of registries without a helper in `helpers`; "": none

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "_File":
        auths: Mapping[str, Mapping[str, str]] = document.get("auths", {})
        helpers: Mapping[str, str] = document.get("credHelpers", {})
        return cls(
            servers={_registry_name(key): _address(key) for key in auths},
            entries={_registry_name(key): _entry(key, value) for key, value in auths.items()},
            helpers={_registry_name(key): str(value) for key, value in helpers.items()},
            store=str(document.get("credsStore") or ""),
        )

    def helper_of(self, registry: str) -> str:
        """Return the name of a registry's helper, or ""."""
        return self.helpers.get(registry) or self.store


def registry_of(image: str) -> str:
    """Return the registry's host of an image reference; every name of Docker Hub becomes `docker.io`."""
    return _registry_name(split_reference(image).domain)


def _registry_name(key: str) -> str:
    """Return the host of an `auths` key, which may be written as a URL with a path."""
    host = key.split("://", 1)[-1].split("/", 1)[0]
    return "docker.io" if host in _HUB_NAMES else host


def _server(registry: str) -> str:
    return DOCKER_HUB if registry == "docker.io" else registry


def _address(key: str) -> str:
    return DOCKER_HUB if _registry_name(key) == "docker.io" else key


def _entry(key: str, value: Mapping[str, str]) -> dict[str, str]:
    """Return the credentials in the Engine's form, user and password separate; empty if there are none."""
    entry = {name: value[name] for name in (*_SECRETS, "email") if value.get(name)}
    if value.get("auth"):
        entry["username"], entry["password"] = _decode(key, value["auth"])
    _learn(entry)
    return entry if any(entry.get(name) for name in _SECRETS) else {}


def _learn(entry: Mapping[str, str]) -> None:
    """Register these credentials for redaction in all output."""
    learn_login(entry.get("username", ""), entry.get("password", ""))
    learn(entry.get("identitytoken", ""), entry.get("registrytoken", ""))


def _decode(key: str, auth: str) -> tuple[str, str]:
    try:
        user, separator, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"auth of {key} is no base64 of user:password") from error
    if not separator:
        raise ValueError(f"auth of {key} is no base64 of user:password")
    return user, password.rstrip("\0")
