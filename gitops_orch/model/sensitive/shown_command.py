"""Shows a command of several words: secrets are redacted in the words before the words are joined.

The end of a word is the end of a value. Joined and quoted, `--password=my secret` cannot be split again.
"""

import re
import shlex
from collections.abc import Iterable, Iterator

from gitops_orch.model.sensitive.secret_words import (
    REDACTED,
    holds_a_secret,
    without_passwords_of_commands,
    without_secrets,
)

_ASSIGNMENT = re.compile(r"([\w.-]+)(\s*[=:]\s*)(?=.)", re.DOTALL)
_SCRIPT_FLAG = re.compile(r"-[a-zA-Z]*c")
_AUTHORIZATION = re.compile(r"(?:proxy-)?authorization", re.IGNORECASE)
# Characters that separate words or values. Inside a word, each is replaced during the search by a character that does
# not separate.
_SEPARATORS = " \t\n\r\v\f\"',;&|"
_HIDE = {ord(sign): 0xE000 + number for number, sign in enumerate(_SEPARATORS)}
_SHOW = {number: chr(sign) for sign, number in _HIDE.items()}
_SAFE = "STRUCK0OUT"


def shown_command(words: Iterable[str]) -> str:
    """Return a command as it would be written for a shell, without its secrets."""
    return " ".join(
        shlex.quote(word.replace(REDACTED, _SAFE)).replace(_SAFE, REDACTED) for word in masked_words(words)
    )


def masked_words(words: Iterable[str]) -> list[str]:
    """Return the words of a command without its secrets; a value that is a word of its own is redacted completely."""
    text = " ".join(word.translate(_HIDE) for word in _each_masked(words))
    return [word.translate(_SHOW) for word in without_passwords_of_commands(text).split(" ")]


def _each_masked(words: Iterable[str]) -> Iterator[str]:
    before = ""
    for word in words:
        yield _masked(word, is_script=_SCRIPT_FLAG.fullmatch(before) is not None)
        before = word


def _masked(word: str, *, is_script: bool) -> str:
    found = None if is_script else _ASSIGNMENT.match(word)
    if found and (holds_a_secret(found[1]) or _AUTHORIZATION.fullmatch(found[1])):
        return f"{found[1]}{found[2]}{REDACTED}"
    return without_secrets(word)
