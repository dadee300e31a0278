"""Text from outside, as it may be shown: what drives a terminal or turns the direction of writing is escaped.

Keys, names and paths come from a repository, an Engine or a server.  An escape sequence in one could repaint a terminal,
and a bidirectional character could make a line read as another one.
"""

import re

# Characters that change how their neighbours are shown, or are not shown at all: marks, embeddings, overrides and
# isolates of direction, separators of lines, and characters without width.
_DIRECTION = "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_TURNING = re.compile(f"[\x7f-\x9f{_DIRECTION}\ud800-\udfff]")
_UNPRINTABLE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_DIRECTION}\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return the text with control and bidirectional characters as `\x1b` and `\u202e`; line breaks and tabs stay."""
    return _UNPRINTABLE.sub(_escape, text)


def without_turns(text: str) -> str:
    r"""Return a text that may have colours of our own, or is JSON, with bidirectional characters as `\u202e`."""
    return text if text.isascii() else _TURNING.sub(_escape_long, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004  the form of Python and JSON


def _escape_long(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
