"""No credential leaves the process: not in an error, a log, a notification or an output of the command line."""

import base64
import json
import os
import subprocess
import sys
from urllib.parse import quote

import pytest
from machine_speed import growth

from gitops_orch import redaction
from gitops_orch.errors import EngineError, SettingsError
from gitops_orch.logs import early_level
from gitops_orch.model.sensitive.secret_words import without_secrets
from gitops_orch.redaction import learn, learn_login, redact, redact_value
from gitops_orch.source.access import SourceSettings, check_address, environment, read_token

SECRET = "s3cr3t-Pa/ss+w%rd"


@pytest.fixture(autouse=True)
def _own_memory(monkeypatch):
    monkeypatch.setattr(redaction, "_known", ())


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        base64.b64encode(f"ann:{SECRET}".encode()).decode(),
        base64.urlsafe_b64encode(f"ann:{SECRET}".encode()).decode(),
    ],
)
def test_a_password_that_was_read_is_struck_out_in_each_form_in_which_it_travels(shown):
    learn_login("ann", SECRET)
    assert redact(f"401: {shown} is not valid") == "401: *** is not valid"
    assert shown not in str(EngineError(f"h1: pull: {shown} refused", hint=f"correct {shown}").message)


def test_a_credential_that_is_as_short_as_a_word_is_not_struck_out_of_words():
    learn("on", "admin")
    assert redact("the admin is on holiday") == "the admin is on holiday"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("git at https://ann:pw@git.example/o/r", "git at https://***@git.example/o/r"),
        ("https://ghp_abcdefgh12345678@github.com/o", "https://***@github.com/o"),
        ("x-access-token:ghp_X@github.com/o/r", "***@github.com/o/r"),
        ("https:/u:ghp_X@h/", "https:/***@h/"),
        ("ftp://u:p@h/x", "ftp://***@h/x"),
        ("url=ann:p=w@h/x", "url=***@h/x"),
        ("ann:pw@h/i@sha256:00", "***@h/i@sha256:00"),
        ("ssh://git:pw@h/x", "ssh://git:***@h/x"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ('{"authorization": "Basic QWxhZGRpbg=="}', '{"authorization": "Basic ***"}'),
        ("token glpat-abcdefghijklmnop1234 expired", "token *** expired"),
        ("AKIAABCDEFGHIJKLMNOP", "***"),
        ("AGE-SECRET-KEY-1QQPQYRZ", "***"),
    ],
)
def test_what_looks_like_a_credential_is_struck_out(text, shown):
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@github.com/o/r",
        "git@github.com:o/r",
        "registry.example:5000/a/b:1@sha256:0011/x",
        "web:1@sha256:aa: not found",
        "http://127.0.0.1:8484/healthz",
        "https://example.org/a@b",
        "services.api.image: 7:12",
    ],
)
def test_addresses_and_images_stay_readable(text):
    assert redact(text) == text


def test_values_keep_their_shape():
    learn("sesame-open")
    assert redact_value({"a": ["sesame-open", 1, None, ("x", "https://u:p@h")]}) == {
        "a": ["***", 1, None, ["x", "https://***@h"]]
    }


@pytest.mark.parametrize("strike_out", [redact, without_secrets])
@pytest.mark.parametrize(
    "piece", ["a:", "://", " a:b", "ssh://", "authorization: ", "(", "=a:", "-", "-a", "a."]
)
def test_a_hostile_text_costs_time_that_grows_with_its_length_only(piece, strike_out):
    assert growth(lambda count: strike_out(piece * count + "@"), 5_000, 40_000) < 40


@pytest.mark.parametrize(
    "address",
    [
        "x-access-token:ghp_abcdef@github.com/o/r",
        "https:/u:ghp_abcdef@h",
        "ftp://u:ghp_abcdef@h/x",
        "ftp://u:ghp_/abcdef@h/x",
        "git://u:ghp_abcdef@h/x",
        "https//u:ghp_abcdef@h/x",
        "https://u:ghp_abcdef@h",
        "https://u:ghp_abcdef@[::1/o/r",
        "https://u:ghp_abcdef@[bad]/o/r",
        "https://u:ghp_abcdef@h:99999/o/r",
    ],
)
def test_an_address_that_is_not_quite_one_is_refused_without_its_token(address):
    with pytest.raises(SettingsError) as refused:
        check_address(address)
    assert "ghp_" not in str(refused.value)
    assert "abcdef" not in str(refused.value)


def test_a_token_in_the_place_of_the_user_is_sent_as_a_token(tmp_path):
    access = check_address("https://TOKEN-abcdef@git.example/o/r")
    token = read_token(access, None)
    told = environment(access, SourceSettings(url=access.url), tmp_path / "config", token)
    login = base64.b64encode(b"x-access-token:TOKEN-abcdef").decode()
    assert told["GIT_CONFIG_VALUE_0"] == f"Authorization: Basic {login}"
    assert access.url == "https://git.example/o/r"
    assert redact(f"{login} TOKEN-abcdef") == "*** ***"


def test_git_does_not_read_the_files_of_the_user(tmp_path):
    access = check_address("https://git.example/o/r")
    told = environment(access, SourceSettings(url=access.url), tmp_path / "config", "")
    assert told["HOME"] == told["XDG_CONFIG_HOME"] == str(tmp_path)


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize(
    "repository",
    ["x-access-token:ghp_abcdef@github.com/o/r", "https:/u:ghp_abcdef@h", "ftp://u:ghp_abcdef@h/x"],
)
def test_a_command_prints_no_token_of_its_repository(tmp_path, repository, output):
    command = [sys.executable, "-m", "gitops_orch", "plan", "--repo", repository, "-o", output]
    ended = subprocess.run(
        [*command, "--state-dir", str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert "ghp_abcdef" not in ended.stdout + ended.stderr
    assert "not an address" in ended.stdout + ended.stderr


BREAK = """
import sys
from gitops_orch.cli.verbs import act
from gitops_orch.cli.main import main
def breaks(text, *, now):
    token = "hunter2secret99"
    raise RuntimeError("a mistake beside " + text)
act.parse_until = breaks
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("level", [None, "debug", "nonsense"])
def test_a_verb_that_breaks_before_the_settings_are_read_prints_no_variable(tmp_path, level):
    command = [sys.executable, "-c", BREAK, "hold", "web", "--reason", "x", "--until", "1h"]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GITOPS_ORCH_")}
    ended = subprocess.run(
        [*command, "--repo", "https://u:hunter2secret99@h.example/o/r", "--state-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environ | ({"GITOPS_ORCH_LOG__LEVEL": level} if level else {}),
    )
    assert ended.returncode == 1
    assert "hunter2secret99" not in ended.stdout + ended.stderr
    assert ended.stdout == ""
    assert "this should not have happened: RuntimeError: a mistake beside 1h" in ended.stderr
    assert ("command.internal_error" in ended.stderr) is (level == "debug")


def test_the_log_begins_at_the_level_that_the_environment_names():
    assert early_level({}) == "warning"
    assert early_level({"GITOPS_ORCH_LOG__LEVEL": "DEBUG"}) == "debug"
    assert early_level({"GITOPS_ORCH_LOG__LEVEL": "loud"}) == "warning"


@pytest.mark.parametrize("password", [SECRET, "hunter2x", "pä55wörd"])
def test_a_password_is_struck_out_in_base64_with_and_without_padding(password):
    learn_login("ann", password)
    for text in (password, f"ann:{password}"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            shown = encode(text.encode()).decode()
            assert redact(f"sent {shown.rstrip('=')}").startswith("sent ***")
            assert redact(f"sent {shown}") == "sent ***"
