"""A pull carries the credentials of its own registry, and of no other."""

import base64
import json
from pathlib import Path

import pytest

from gitops_orch.engine.registry_auth import Registries, registry_of
from gitops_orch.errors import SettingsError


def auth(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def sent(header: str) -> dict[str, str]:
    return json.loads(base64.urlsafe_b64decode(header))


@pytest.fixture
def registries(tmp_path: Path) -> Registries:
    path = tmp_path / "config.json"
    auths = {
        "registry.example:5000": {"auth": auth("ann", "s:cr:t")},
        "https://index.docker.io/v1/": {"auth": auth("bob", "hub")},
        "ghcr.io": {"identitytoken": "token"},
        "quay.io": {"username": "eve", "password": "pw"},
    }
    path.write_text(json.dumps({"auths": auths, "credsStore": "desktop"}))
    return Registries(str(path))


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("nginx", "docker.io"),
        ("nginx:1.27", "docker.io"),
        ("library/nginx", "docker.io"),
        ("docker.io/library/nginx", "docker.io"),
        ("index.docker.io/a/b", "docker.io"),
        ("ghcr.io/a/b:1", "ghcr.io"),
        ("localhost/a", "localhost"),
        ("registry.example:5000/a/b@sha256:00", "registry.example:5000"),
    ],
)
def test_the_registry_of_an_image_is_found(image: str, registry: str) -> None:
    assert registry_of(image) == registry


def test_user_and_password_are_sent_to_their_registry(registries: Registries) -> None:
    entry = sent(registries.header("registry.example:5000/shop/api:1"))
    assert (entry["username"], entry["password"]) == ("ann", "s:cr:t")
    assert entry["serveraddress"] == "registry.example:5000"


def test_docker_hub_has_one_name(registries: Registries) -> None:
    assert sent(registries.header("nginx"))["username"] == "bob"


def test_a_token_is_sent_as_one(registries: Registries) -> None:
    assert sent(registries.header("ghcr.io/a/b"))["identitytoken"] == "token"


def test_user_and_password_may_stand_apart(registries: Registries) -> None:
    assert sent(registries.header("quay.io/a"))["password"] == "pw"


def test_another_registry_gets_nothing(registries: Registries) -> None:
    assert registries.header("evil.example/registry.example:5000/a") is None


def test_no_file_means_no_credentials() -> None:
    assert Registries(None).header("nginx") is None


def test_a_changed_file_counts_at_the_next_pull(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"auths": {}}')
    registries = Registries(str(path))
    assert registries.header("ghcr.io/a") is None
    path.write_text(json.dumps({"auths": {"ghcr.io": {"auth": auth("a", "b")}}}))
    assert registries.header("ghcr.io/a") is not None


@pytest.mark.parametrize(
    "content",
    ["{", '{"auths": []}', '{"auths": {"a": {"auth": "???"}}}', '{"auths": {"a": {"auth": "bm8="}}}'],
)
def test_a_file_that_cannot_be_used_is_named_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"config\.json"):
        Registries(str(path)).header("nginx")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.json"):
        Registries(str(tmp_path / "none.json")).header("nginx")
