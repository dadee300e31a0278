"""Describes why a file is not YAML: the parser's message and position, without a password that looks like an alias."""

import re

from yaml.error import MarkedYAMLError

from gitops_orch.model.problem import Position, Problem
from gitops_orch.model.sensitive.secret_words import holds_a_secret

_UNDEFINED = "found undefined alias"
_KEY_OF_LINE = re.compile(r"[\s-]*[\"']?([\w.-]+)[\"']?\s*:")


def syntax_problem(path: str, content: bytes, error: MarkedYAMLError) -> Problem:
    """Return why the content of a file cannot be parsed."""
    mark = error.problem_mark or error.context_mark
    where = Position(path=path, line=mark.line + 1, column=mark.column + 1) if mark else Position(path=path)
    context = f" {error.context}" if error.context else ""
    message = f"not YAML: {_problem(content, error)}{context}"
    if error.context_mark and error.problem_mark and error.context_mark.line != error.problem_mark.line:
        message += f" that starts at line {error.context_mark.line + 1}"
    return Problem(position=where, message=message + _advice(content, error))


def _advice(content: bytes, error: MarkedYAMLError) -> str:
    """Return the correction, after a semicolon; "" where only the parser's message is known."""
    mark, problem_text = error.problem_mark, str(error.problem)
    found = _line(content, mark.line)[mark.column : mark.column + 1] if mark else ""
    if found == "\t" or "tab character" in problem_text:
        return "; indent with spaces, YAML takes no tabs"
    if "cannot start any token" in problem_text and found:
        return f"; quote a value that begins with {found}"
    return ""


def _line(content: bytes, number: int) -> str:
    return b"".join(content.split(b"\n")[number : number + 1]).decode(errors="replace")


def _problem(content: bytes, error: MarkedYAMLError) -> str:
    """Return the parser's message without the name of an alias that is a password: `password: *word`."""
    problem_text = str(error.problem)
    key = _KEY_OF_LINE.match(_line(content, error.problem_mark.line if error.problem_mark else 0))
    if problem_text.startswith(_UNDEFINED) and key and holds_a_secret(key[1]):
        return f"{_UNDEFINED}; quote the value if it begins with an asterisk"
    return problem_text
