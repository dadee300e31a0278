"""Escapes text from outside before it is shown: control characters, and characters that change the writing direction.

Keys, names and paths come from a repository, an Engine or a server. An escape sequence in such a text could change what
a terminal shows, and a bidirectional character could make a line look like another one.
"""

import re

# Characters that change how their neighbours are shown, or are not shown at all: marks, embeddings, overrides and
# isolates of direction, separators of lines, and characters without width.
_DIRECTION = "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_TURNING = re.compile(f"[\x7f-\x9f{_DIRECTION}\ud800-\udfff]")
_UNPRINTABLE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_DIRECTION}\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return the text with control and bidirectional characters escaped (`\x1b`, `\u202e`), except newline and tab."""
    return _UNPRINTABLE.sub(_escape, text)


def without_turns(text: str) -> str:
    r"""Return a text, which may have our own colours or be JSON, with bidirectional characters escaped (`\u202e`)."""
    return text if text.isascii() else _TURNING.sub(_escape_long, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004  the form of Python and JSON


def _escape_long(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
