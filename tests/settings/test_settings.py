"""The four places that settings come from, and what is said about mistakes in them."""

from pathlib import Path

import pytest

from gitops_orch.errors import SettingsError
from gitops_orch.settings import (
    RetainSettings,
    Settings,
    default_state_dir,
    load_settings,
    parse_duration_s,
    parse_percent,
)

ALL_OF_IT = """
repository: {url: https://git.example/fleet.git, branch: live, path: prod, ssh_key: /k, known_hosts: /h,
  token_file: /t, allow_force_push: true, push_reverts: yes}
registries: /etc/registries.json
credential_helpers: /usr/local/bin
environment: prod
instance: blue
poll: {interval: 1m30s, jitter: 5%}
resync: {interval: 10m}
state: {dir: /srv/state, url: null}
http: {listen: "0.0.0.0:80"}
retain: {runs: 1, releases: 2, containers: 3, images: 4}
notify: {urls_file: /n}
log: {format: json, level: debug}
"""


def load(text: str = "", *, tmp_path: Path, flags=None, environ=None) -> Settings:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return load_settings(flags=flags or {}, environ=environ or {}, file=file, root=True)


def complaint(text: str, *, tmp_path: Path, **more) -> str:
    with pytest.raises(SettingsError) as caught:
        load(text, tmp_path=tmp_path, **more)
    return str(caught.value).replace(str(tmp_path), "")


def test_every_key_of_the_contract_is_read(tmp_path):
    settings = load(ALL_OF_IT, tmp_path=tmp_path)
    assert settings.repository.url == "https://git.example/fleet.git"
    assert (settings.repository.branch, settings.repository.path) == ("live", "prod")
    assert settings.repository.allow_force_push is True
    assert settings.repository.push_reverts is True
    assert (settings.poll.interval, settings.poll.jitter) == (90, 0.05)
    assert settings.resync.interval == 600
    assert (settings.state.dir, settings.state.url) == (Path("/srv/state"), None)
    assert settings.http.listen == "0.0.0.0:80"
    assert settings.retain == RetainSettings(runs=1, releases=2, containers=3, images=4)
    assert (settings.instance, settings.environment) == ("blue", "prod")
    assert settings.notify.urls_file == Path("/n")
    assert (settings.log.format, settings.log.level) == ("json", "debug")


def test_no_file_gives_the_defaults_of_the_contract():
    settings = load_settings(flags={}, environ={}, file=None, root=False)
    assert (settings.repository.branch, settings.repository.path) == ("main", ".")
    assert (settings.poll.interval, settings.poll.jitter, settings.resync.interval) == (30, 0.2, 300)
    assert settings.http.listen == "127.0.0.1:8484"
    assert settings.retain == RetainSettings(runs=1000, releases=20, containers=1, images=3)


@pytest.mark.parametrize("key", ["token_file", "webhook_secret_file"])
def test_a_setting_that_would_protect_nothing_is_a_mistake_and_its_default_is_none(tmp_path, key):
    assert f"http.{key}: has no effect: " in complaint(f"http: {{{key}: /x}}", tmp_path=tmp_path)
    environ = {f"GITOPS_ORCH_HTTP__{key.upper()}": "/x"}
    assert f"http.{key}: has no effect: " in complaint("", tmp_path=tmp_path, environ=environ)
    assert load(f"http: {{{key}: null}}", tmp_path=tmp_path).http == Settings().http


def test_a_flag_wins_over_a_variable_which_wins_over_the_file(tmp_path):
    text = "repository: {url: from-file, branch: from-file, path: from-file}"
    environ = {"GITOPS_ORCH_REPOSITORY__URL": "from-env", "GITOPS_ORCH_REPOSITORY__BRANCH": "from-env"}
    flags = {("repository", "url"): "from-flag"}
    repository = load(text, tmp_path=tmp_path, flags=flags, environ=environ).repository
    assert (repository.url, repository.branch, repository.path) == ("from-flag", "from-env", "from-file")


def test_a_variable_may_name_the_file(tmp_path):
    file = tmp_path / "named.yaml"
    file.write_text("instance: named")
    environ = {"GITOPS_ORCH_CONFIG": str(file)}
    assert load_settings(flags={}, environ=environ, file=None, root=False).instance == "named"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("repository: {brnch: x}", "/config.yaml:1:14: repository.brnch: unknown key; did you mean branch?"),
        ("\npol: {}", "/config.yaml:2:1: pol: unknown key; did you mean poll?"),
        ("poll: {interval: 30}", 'poll.interval: expected a duration such as 30s or 1m30s, found "30"'),
        ("poll: {interval: 0s}", "poll.interval: expected a duration above zero"),
        ("poll: {jitter: 0.2}", 'poll.jitter: expected a percentage such as 20%, found "0.2"'),
        ("poll: 30s", 'poll: expected keys and values, found "30s"'),
        ("http: {listen: here}", 'http.listen: expected an address such as 127.0.0.1:8484, found "here"'),
        ("http: {listen: 'a:99999'}", "http.listen: expected an address"),
        ("retain: {runs: some}", 'retain.runs: expected a whole number from 0 on, found "some"'),
        ("retain: {runs: -1}", "retain.runs: expected a whole number from 0 on"),
        ("repository: {allow_force_push: maybe}", 'expected true or false, found "maybe"'),
        ("log: {level: loud}", "expected 'debug', 'info', 'warning' or 'error', found \"loud\""),
        ("instance: A b", "instance: expected a name of lower-case letters"),
        ("retain: {runs: '1.5'}", 'retain.runs: expected a whole number from 0 on, found "1.5"'),
        ("repository: {url: [x]}", "repository.url: expected one value, found"),
        ("instance: {name: x}", "instance: expected one value, found"),
        ("log: {format: xml}", "expected 'auto', 'json' or 'console', found \"xml\""),
        ("a: 1\na: 2", "/config.yaml:2:1: a is written twice"),
        ("a: [", "/config.yaml:2:1: "),
        ("- 1", "/config.yaml:1:1: expected keys and values"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, text, expected):
    assert expected in complaint(text, tmp_path=tmp_path)


@pytest.mark.parametrize("text", ["bin", "./bin", "~/bin"])
def test_credential_helpers_are_named_by_an_absolute_path(tmp_path, text):
    with pytest.raises(
        SettingsError, match="credential_helpers: expected an absolute path such as /usr/local/bin"
    ):
        load(f"credential_helpers: {text}\n", tmp_path=tmp_path)


def test_all_mistakes_are_named_at_once(tmp_path):
    told = complaint("poll: {interval: x}\nnope: 1\n", tmp_path=tmp_path)
    assert len(told.splitlines()) == 2


def test_an_unknown_variable_is_a_mistake_that_names_it(tmp_path):
    told = complaint("", tmp_path=tmp_path, environ={"GITOPS_ORCH_REPOSITORY__ULR": "x"})
    assert told == "the variable GITOPS_ORCH_REPOSITORY__ULR: repository.ulr: unknown key; did you mean url?"


@pytest.mark.parametrize(
    ("name", "key"), [("REPO__URL", "repository"), ("STATES__DIR", "state"), ("REG__FILE", "registries")]
)
def test_an_unknown_section_names_the_variable_that_wrote_it(tmp_path, name, key):
    told = complaint("", tmp_path=tmp_path, environ={f"GITOPS_ORCH_{name}": "x"})
    assert told.startswith(f"the variable GITOPS_ORCH_{name}: ")
    assert told.endswith(f"unknown key; did you mean {key}?")


def test_a_variable_may_be_named_like_the_option_of_the_command_line(tmp_path):
    names = {
        "REPO": "https://git.example/fleet.git",
        "BRANCH": "prod",
        "PATH": "edge",
        "STATE_DIR": "/srv/state",
    }
    settings = load(
        "", tmp_path=tmp_path, environ={f"GITOPS_ORCH_{name}": text for name, text in names.items()}
    )
    assert settings.repository.url == "https://git.example/fleet.git"
    assert (settings.repository.branch, settings.repository.path) == ("prod", "edge")
    assert str(settings.state.dir) == "/srv/state"


def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot be read: No such file or directory; create it"):
        load_settings(flags={}, environ={}, file=tmp_path / "absent.yaml", root=False)


def test_an_empty_section_means_its_defaults(tmp_path):
    assert load("state:\npoll:\n", tmp_path=tmp_path).poll.interval == 30


def test_state_lies_in_the_xdg_directory_for_a_user_who_is_not_root():
    assert default_state_dir({"HOME": "/home/ann"}, root=False) == Path("/home/ann/.local/state/gitops-orch")
    assert default_state_dir({"XDG_STATE_HOME": "/x"}, root=False) == Path("/x/gitops-orch")
    assert default_state_dir({"HOME": "/root"}, root=True) == Path("/var/lib/gitops-orch")


def test_state_lies_where_systemd_made_room_for_it():
    told = {"HOME": "/var/lib/x", "STATE_DIRECTORY": "/var/lib/gitops-orch:/var/lib/other"}
    assert default_state_dir(told, root=False) == Path("/var/lib/gitops-orch")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25), ("1d", 86400)]
)
def test_durations_are_written_as_in_compose(text, seconds):
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "s", "30 s", "-1s", "1m30", "٣s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration_s(text)


def test_a_share_beyond_the_whole_is_refused():
    with pytest.raises(ValueError, match="expected a percentage"):
        parse_percent("101%")


def test_a_character_that_no_path_may_hold_is_a_mistake_at_its_place(tmp_path):
    assert complaint('state:\n  dir: "/srv\\0"\n', tmp_path=tmp_path).startswith(
        "/config.yaml:2:8: state.dir holds a NUL"
    )


@pytest.mark.parametrize(
    ("word", "meant"),
    [("true", True), ("Yes", True), ("on", True), ("false", False), ("NO", False), ("off", False)],
)
def test_true_and_false_may_be_written_as_in_yaml(tmp_path, word, meant):
    text = f"repository: {{allow_force_push: {word}}}"
    assert load(text, tmp_path=tmp_path).repository.allow_force_push is meant


def test_the_keys_that_somebody_wrote_are_known(tmp_path):
    settings = load("log: {level: info}", tmp_path=tmp_path, environ={"GITOPS_ORCH_REPO": "x"})
    assert {"log.level", "repository.url"} <= settings.given
    assert "log.format" not in settings.given
