"""Colours and progress are for a terminal; a pipe gets plain text, and a machine gets JSON alone."""

import os
import pty
import subprocess
import sys

import pytest
from command_line import HOST, app

pytestmark = pytest.mark.waits

ESCAPE = "\x1b"
RED = "\x1b[31m"


@pytest.fixture
def broken(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/compose.yaml").write_text(app().replace("image", "imgae"))
    return tmp_path


def on_terminal(*arguments: str, **environ: str) -> str:
    """Run the command line on a terminal and return what it printed."""
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    told = inherited | {"TERM": "xterm-256color"} | environ
    command = [sys.executable, "-m", "gitops_orch", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=told):
        os.close(theirs)
        printed = b""
        while chunk := _read(ours):
            printed += chunk
    os.close(ours)
    return printed.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_a_terminal_gets_colours(broken):
    assert RED in on_terminal("validate", str(broken))


def test_a_terminal_that_wants_no_colours_gets_none(broken):
    printed = on_terminal("validate", str(broken), NO_COLOR="1")
    assert "did you mean image?" in printed
    assert RED not in printed


def test_a_terminal_gets_no_control_characters_of_a_repository(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/compose.yaml").write_text('services: {"a\\e]0;owned\\a": {imgae: x}}\n')
    printed = on_terminal("validate", str(tmp_path))
    assert "\x1b]0;owned" not in printed


def test_a_pipe_gets_no_escape_codes(gitops):
    for verb in ("plan", "sync", "status", "history", "hosts", "doctor"):
        answer = gitops(verb)
        assert ESCAPE not in answer.out + answer.err


def test_sync_tells_a_pipe_of_every_step_beside_the_result(gitops):
    answer = gitops("sync")
    assert "] start edge-1/shop-api-1-" in answer.err
    assert "] start" not in answer.out


def test_a_plan_says_whose_files_it_puts_on_a_host(repository, gitops):
    text = app() + "    volumes: ['./conf:/conf:ro']\n"
    repository.commit("files", hosts__edge=HOST, shop__compose=text, shop__conf__x="key: value\n")
    (line,) = [each for each in gitops("plan").out.splitlines() if "put_files" in each]
    assert "of default/shop" in line


def test_json_is_alone_on_both_streams(gitops):
    answer = gitops("sync", "-o", "json")
    assert answer.err == ""
    assert answer.json["status"] == "in-sync"


def test_a_shell_completes_verbs():
    asked = {"_GITOPS_ORCH_COMPLETE": "complete_bash", "COMP_WORDS": "gitops-orch rol", "COMP_CWORD": "1"}
    command = [sys.executable, "-m", "gitops_orch"]
    done = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["rollback"]


def test_a_reader_that_goes_away_is_no_failure_worth_a_word(repository):
    command = f"{sys.executable} -m gitops_orch render {repository.path} | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("{", "")
