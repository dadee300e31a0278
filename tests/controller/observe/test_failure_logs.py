"""A container that failed: what it printed last is told, without what must not be seen."""

import pytest
import structlog
from structlog.testing import capture_logs

from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.display.legible import CHARS_MAX, legible
from tests.story import Scenario

FILE = """
services:
  api:
    image: "{image}"
    deploy: {{update_config: {{monitor: 5s}}}}
    secrets: [password]
    configs: [{{source: config, target: /etc/api.conf}}]
secrets: {{password: {{file: ./password.txt}}}}
configs: {{config: {{file: ./api.conf}}}}
"""
SECRET = "hunter2-and-more"
CONFIG = "listen on every address"


def failed(output, *, secret=f"password = {SECRET}\n", **behaviour):
    """Roll a release out that fails after having printed this; return the story and the run."""
    images = {"bad:1": ImageBehaviour(**{"exits_after_s": 1, "exit_code": 3, "output": output, **behaviour})}
    story = Scenario({**images, "good:1": ImageBehaviour()})
    for image in ("good:1", "bad:1"):
        story.commit(
            {
                "shop/compose.yaml": FILE.format(image=image),
                "shop/password.txt": secret,
                "shop/api.conf": CONFIG,
            }
        )
        report = story.sync()
    return story, report


def gate(report):
    return next(result for result in report.results if result.gate_failed)


def test_the_last_lines_are_in_the_result_and_the_very_last_in_the_message():
    _, report = failed("".join(f"line {number}\n" for number in range(30)))
    result = gate(report)
    assert result.log.splitlines() == [f"line {number}" for number in range(10, 30)]
    words = "it exited with code 3; its last words: line 27 | line 28 | line 29"
    assert words in result.error
    assert words in report.final_status.apps[0].reason


def test_they_stay_in_the_containers_timeline():
    story, report = failed("no such table\n")
    told = story.history.events[(gate(report).action.host, gate(report).action.name)]
    assert ("last words", "no such table") in told


@pytest.mark.parametrize("said", [f"password = {SECRET}", f"connecting with {SECRET}!", f"read: {CONFIG}"])
def test_what_the_apps_files_hold_is_struck_out_everywhere(said):
    story, report = failed(f"starting\n{said}\n")
    everything = repr(story.history.__dict__) + repr(report)
    assert "***" in gate(report).log
    assert SECRET not in everything
    assert CONFIG not in everything


def test_a_secret_of_a_few_letters_does_not_make_everything_illegible():
    _, report = failed("a table is missing\n", secret="a")
    assert gate(report).log == "a table is missing"


def test_a_container_that_printed_nothing_has_no_last_words():
    _, report = failed("")
    assert gate(report).error.endswith("it exited with code 3")
    assert gate(report).log == ""


def test_control_characters_and_colours_do_not_reach_a_terminal():
    text = "\x1b[31mred\x1b[0m \x1b]0;title\x07ok\r\nnext\x00\x9b\u202eend\n"
    assert legible(text) == "red ok\nnext   end"


def test_what_is_too_long_keeps_its_end():
    assert legible("x" * CHARS_MAX + "the end") == ("x" * CHARS_MAX + "the end")[-CHARS_MAX:]


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (
            'exec: "curl": executable file not found in $PATH',
            'exec: "curl": executable file not found in $PATH',
        ),
        ("connecting\n\x1b[31mrefused\x1b[0m\n", "connecting | refused"),
        (f"login with {SECRET} failed", "login with *** failed"),
        ("x" * 500, "x" * 199 + "…"),
    ],
)
def test_what_a_healthcheck_printed_is_in_the_message_and_in_status(printed, told):
    sick = {"healthcheck": True, "healthy_after_s": None, "unhealthy_after_s": 1, "exits_after_s": None}
    _, report = failed("", **{**sick, "check_output": printed})
    message = f"its health check fails: {told}"
    assert message in gate(report).error
    assert message in report.final_status.apps[0].reason


@pytest.mark.parametrize("said", [f"cannot log in with {SECRET}", f"cannot read {CONFIG}"])
def test_what_a_command_printed_is_struck_out_of_the_log_too(said):
    leaky = ImageBehaviour(exec_exit_code=1, output=f"{said}\n")
    story = Scenario({"leaky:1": leaky})
    hook = "deploy: {update_config: {monitor: 5s}}\n    post_start: [{command: [init]}]"
    text = FILE.format(image="leaky:1").replace("deploy: {update_config: {monitor: 5s}}", hook)
    story.commit({"shop/compose.yaml": text, "shop/password.txt": f"{SECRET}\n", "shop/api.conf": CONFIG})
    structlog.reset_defaults()
    with capture_logs() as lines:
        report = story.sync()
    ended = [line for line in lines if line["event"] == "action.finished" and line["result"] == "failed"]
    assert ended
    assert all("`init` in" in line["error"] for line in ended)
    assert not any(piece in repr((lines, report.results)) for piece in (SECRET, CONFIG))


@pytest.mark.parametrize("said", [f"cannot log in with {SECRET}", f"cannot read {CONFIG}"])
def test_what_a_command_before_a_stop_printed_is_struck_out_of_its_note(said):
    story = Scenario({"leaky:1": ImageBehaviour(exec_exit_code=1, output=f"{said}\n")})
    structlog.reset_defaults()
    with capture_logs() as lines:
        for monitor in ("5s", "6s"):
            hook = f"stop_grace_period: {monitor}\n    pre_stop: [{{command: [redis-cli, -a, hunter3, shutdown]}}]"
            text = FILE.format(image="leaky:1").replace("deploy: {update_config: {monitor: 5s}}", hook)
            story.commit(
                {"shop/compose.yaml": text, "shop/password.txt": f"{SECRET}\n", "shop/api.conf": CONFIG}
            )
            report = story.sync()
    (note,) = [result.note for result in report.results if result.note]
    assert "`redis-cli -a *** shutdown` in" in note
    everything = repr((lines, report.results, story.history.__dict__))
    assert not any(piece in everything for piece in (SECRET, CONFIG))
    shown = repr([(line.get("reason"), line.get("note"), line.get("error")) for line in lines])
    assert "hunter3" not in shown + "".join(result.action.reason for result in report.results)
