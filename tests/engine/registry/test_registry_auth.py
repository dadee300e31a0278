"""A pull carries the credentials of its own registry, and of no other."""

import base64
import json
from pathlib import Path

import pytest

from gitops_orch.engine.registry.registry_auth import PullAuth, Registries, registry_of
from gitops_orch.errors import SettingsError
from gitops_orch.redaction import redact


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
    entry = sent(registries.for_pull("registry.example:5000/shop/api:1").header)
    assert (entry["username"], entry["password"]) == ("ann", "s:cr:t")
    assert entry["serveraddress"] == "registry.example:5000"


def test_docker_hub_has_one_name(registries: Registries) -> None:
    assert sent(registries.for_pull("nginx").header)["username"] == "bob"


@pytest.mark.parametrize("image", ["registry.example:5000/shop/api:1", "ghcr.io/a/b:1", "quay.io/a/b:1"])
def test_the_header_of_a_pull_is_in_no_output(registries: Registries, image: str) -> None:
    header = registries.for_pull(image).header
    for shown in (header, header.rstrip("=")):
        assert "***" in redact(f"400 bad request: X-Registry-Auth: {shown} is too long")
        assert shown not in redact(f"400 bad request: X-Registry-Auth: {shown} is too long")


def test_a_token_is_sent_as_one(registries: Registries) -> None:
    assert sent(registries.for_pull("ghcr.io/a/b").header)["identitytoken"] == "token"


def test_user_and_password_may_stand_apart(registries: Registries) -> None:
    assert sent(registries.for_pull("quay.io/a").header)["password"] == "pw"


def test_another_registry_gets_nothing(registries: Registries) -> None:
    assert registries.for_pull("evil.example/registry.example:5000/a").header is None


def test_no_file_means_no_credentials() -> None:
    assert Registries(None).for_pull("nginx").header is None


def test_a_changed_file_counts_at_the_next_pull(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"auths": {}}')
    registries = Registries(str(path))
    assert registries.for_pull("ghcr.io/a").header is None
    path.write_text(json.dumps({"auths": {"ghcr.io": {"auth": auth("a", "b")}}}))
    assert registries.for_pull("ghcr.io/a").header is not None


@pytest.mark.parametrize(
    "content",
    ["{", '{"auths": []}', '{"auths": {"a": {"auth": "???"}}}', '{"auths": {"a": {"auth": "bm8="}}}'],
)
def test_a_file_that_cannot_be_used_is_named_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"config\.json"):
        Registries(str(path)).for_pull("nginx")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.json"):
        Registries(str(tmp_path / "none.json")).for_pull("nginx")


def helper(directory: Path, name: str, script: str) -> None:
    directory.mkdir(exist_ok=True)
    program = directory / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def config(tmp_path: Path, **document: object) -> str:
    path = tmp_path / "helped.json"
    path.write_text(json.dumps(document))
    return str(path)


ANSWER = """read server
printf '{"ServerURL":"%s","Username":"ann","Secret":"of %s"}' "$server" "$server" """


def test_the_helper_of_a_registry_is_asked(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "ecr-login", ANSWER)
    file = config(tmp_path, credHelpers={"registry.example:5001": "ecr-login"})
    registries = Registries(file, str(tmp_path / "bin"))
    entry = sent(registries.for_pull("registry.example:5001/a:1").header)
    assert (entry["username"], entry["password"]) == ("ann", "of registry.example:5001")
    assert registries.for_pull("elsewhere.example/a:1") == PullAuth()


def test_the_store_is_asked_for_every_registry_without_credentials_of_its_own(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "desktop", ANSWER)
    auths = {"registry.example:5001": {}, "own.example": {"auth": auth("bob", "own")}}
    registries = Registries(config(tmp_path, auths=auths, credsStore="desktop"), str(tmp_path / "bin"))
    assert sent(registries.for_pull("registry.example:5001/a").header)["password"].startswith("of registry")
    assert sent(registries.for_pull("nginx").header)["password"] == "of https://index.docker.io/v1/"
    assert sent(registries.for_pull("own.example/a").header)["password"] == "own"
    assert "registry.example:5001" in registries.summary()


def test_a_helper_may_answer_with_an_identity_token(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "gcr", """echo '{"Username":"<token>","Secret":"abc"}'""")
    file = config(tmp_path, credHelpers={"gcr.io": "gcr"})
    assert (
        sent(Registries(file, str(tmp_path / "bin")).for_pull("gcr.io/a/b").header)["identitytoken"] == "abc"
    )


def test_a_helper_that_has_nothing_leaves_the_pull_without_credentials(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "pass", "echo credentials not found in native keychain; exit 1")
    file = config(tmp_path, auths={"registry.example": {}}, credsStore="pass")
    registries = Registries(file, str(tmp_path / "bin"))
    pull = registries.for_pull("registry.example/a")
    assert pull.header is None
    assert "docker login registry.example" in pull.hint
    with pytest.raises(SettingsError, match=r"no credentials for registry\.example"):
        registries.summary()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo it is locked; exit 2", "exit code 2: it is locked"),
        ("echo hunter2", "answered without Username and Secret"),
        ("echo '[]'", "answered without Username and Secret"),
    ],
)
def test_a_helper_that_fails_is_named_and_its_answer_is_not_shown(
    tmp_path: Path, script: str, message: str
) -> None:
    helper(tmp_path / "bin", "vault", script)
    registries = Registries(
        config(tmp_path, credHelpers={"registry.example": "vault"}), str(tmp_path / "bin")
    )
    with pytest.raises(SettingsError) as caught:
        registries.for_pull("registry.example/a")
    assert "docker-credential-vault" in caught.value.message
    assert message in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_an_empty_name_of_a_program_is_none(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "ok", ANSWER)
    registries = Registries(config(tmp_path, credHelpers={"registry.example": ""}), str(tmp_path / "bin"))
    assert registries.for_pull("registry.example/a").header is None


@pytest.mark.parametrize("name", ["none-here", "../sh", "a/b", "x" * 65])
def test_only_programs_of_the_directory_are_started(tmp_path: Path, name: str) -> None:
    helper(tmp_path / "bin", "ok", ANSWER)
    file = config(tmp_path, credHelpers={"registry.example": name})
    registries = Registries(file, str(tmp_path / "bin"))
    with pytest.raises(SettingsError):
        registries.for_pull("registry.example/a")


def test_a_helper_learns_nothing_of_our_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITOPS_ORCH_STATE__URL", "postgresql://u:secret@h/d")
    helper(tmp_path / "bin", "env", """printf '{"Username":"a","Secret":"%s-"}' "$GITOPS_ORCH_STATE__URL" """)
    registries = Registries(config(tmp_path, credsStore="env"), str(tmp_path / "bin"))
    assert sent(registries.for_pull("registry.example/a").header)["password"] == "-"


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"auths": {"registry.example": {}}, "credsStore": "desktop"}, "docker-credential-desktop"),
        ({"credHelpers": {"registry.example": "ecr-login"}}, "docker-credential-ecr-login"),
        ({"auths": {"registry.example": {}}}, "the entry of registry.example"),
        ({"auths": {"registry.example": {"auth": ""}}}, "the entry of registry.example"),
        ({"auths": {"https://registry.example/v1/": {"email": "a@b"}}}, "the entry of registry.example"),
    ],
)
def test_credentials_that_are_not_in_the_file_are_named_by_doctor_and_by_a_pull_that_fails(
    tmp_path: Path, document: dict[str, object], named: str
) -> None:
    registries = Registries(config(tmp_path, **document))
    pull = registries.for_pull("registry.example/a:1")
    assert pull.header is None
    assert named in pull.hint
    with pytest.raises(SettingsError) as caught:
        registries.summary()
    assert named in caught.value.message
    assert "credential_helpers" in str(caught.value.hint)
