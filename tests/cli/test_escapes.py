"""What a repository writes into keys, names and paths cannot drive a terminal, a pull request's page or a log."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gitops_orch.cli.render.words import github_annotation, plain, problem_line
from gitops_orch.log_output import _console
from gitops_orch.model.problem import Position, Problem, Severity
from gitops_orch.printable import printable, without_turns
from gitops_orch.redaction import RedactingStream

HOSTILE = [
    "\x1b]0;owned\x07",
    "\u202eexe.yaml",
    "a\u2066b",
    "\u200f",
    "\x9b31m",
    "a\rb",
    "\u2028::error::x",
    "\ufeff",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_shown_with_escapes(text: str) -> None:
    shown = printable(f"key {text} end")
    assert shown.isascii()
    assert shown.isprintable()
    assert "\\x" in shown or "\\u" in shown
    assert plain(text) == printable(text)


def test_text_of_people_stays_what_it_is() -> None:
    text = "größer 漢字 عربي\tand\nlines"
    assert printable(text) == without_turns(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_an_annotation_is_one_command_without_control_characters(text: str) -> None:
    where = Position(path=f"a{text},b:c.yaml", line=1, column=2)
    annotation = github_annotation(Problem(position=where, message=f"{text}\n::error::fake 100%"), prefix="")
    assert annotation.isprintable()
    assert annotation.isascii()
    assert annotation.startswith("::error file=a")
    assert annotation.endswith("%0A::error::fake 100%25")
    assert "%2Cb%3Ac.yaml,line=1,col=2::" in annotation


def test_each_severity_has_its_command_of_github() -> None:
    place = Position(path="a")
    commands = [
        github_annotation(Problem(position=place, message="m", severity=each), prefix="") for each in Severity
    ]
    assert commands == ["::error file=a::m", "::warning file=a::m", "::notice file=a::m"]


def test_a_line_break_in_a_key_begins_no_line_of_its_own() -> None:
    line = problem_line(
        Problem(position=Position(path="a"), message="services.x\nb: error: fake: unknown key")
    )
    assert line.plain == "a: services.x\\nb: error: fake: unknown key"


@pytest.mark.parametrize("text", HOSTILE)
def test_the_door_of_the_terminal_turns_no_text_around(text: str) -> None:
    written = io.StringIO()
    Console(file=RedactingStream(written), force_terminal=True, highlight=False).print(
        plain(f"path {text}"), style="red"
    )
    inside = written.getvalue().replace("\x1b[31m", "").replace("\x1b[0m", "").rstrip("\n")
    assert inside.isascii()
    assert inside.isprintable()


@given(st.text())
def test_json_is_the_same_value_with_and_without_escapes(text: str) -> None:
    document = json.dumps({"key": text.encode("utf-8", "replace").decode()}, ensure_ascii=False)
    assert json.loads(without_turns(document)) == json.loads(document)


@given(st.text())
def test_no_text_gets_through_with_a_character_that_acts(text: str) -> None:
    shown = printable(text)
    assert not any(char in shown for char in "\x1b\x07\r\u202e\u2066\u200e\u061c\u2028\x85")
    assert printable(shown) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_a_log_on_a_terminal_shows_escapes(text: str) -> None:
    line = str(_console(io.StringIO())(None, "info", {"event": "app.held", "reason": f"key {text}"}))
    assert not any(char in line for char in text if not char.isprintable())
