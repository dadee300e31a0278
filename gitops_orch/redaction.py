"""Redacts credentials in every text that leaves the process: output, logs, notifications, history.

It recognises two kinds of credentials: those that this process has read (`learn`), and texts that look like one. A
server may repeat a password in an error message in any form in which it was sent, so these forms are redacted, too.
"""

import base64
import json
import re
from functools import cache, partial
from typing import TextIO
from urllib.parse import quote

from gitops_orch.printable import without_turns

MASK = "***"
CREDENTIAL_CHARS_MIN = 6  # a shorter one appears in ordinary words, and masking it there would reveal it

# Words of which a text must contain one before the pattern is tried, because a search for a word is 100 times as fast;
# and the pattern, whose first group is kept. Token formats are those that forges, registries and clouds document.
_SHAPES = tuple(
    (markers.split(), pattern)
    for markers, pattern in (
        # https://user:password@host; a user without a password is no secret with ssh
        ("@", r"(\b[a-z][a-z0-9+.-]{0,19}:/{1,2})(?<!ssh://)[^/\s'\"<>@]+@"),
        ("ssh://", r"(ssh://[^/\s'\"<>@:]+:)[^/\s'\"<>@]+@"),
        (
            "authorization Authorization AUTHORIZATION",
            r"(\bauthorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer|token)\s+)[^\s'\",]+",
        ),
        ("ghp_ gho_ ghu_ ghs_ ghr_", r"()\bgh[pousr]_[a-z0-9]{8,}"),
        ("github_pat_ dckr_pat_", r"()\b(?:github|dckr)_pat_[\w-]{8,}"),
        ("glpat- gldt- glrt- glcbt- glptt-", r"()\bgl(?:pat|dt|rt|cbt|ptt)-[\w-]{16,}"),
        ("xox", r"()\bxox[abeprs]-[\w-]{8,}"),
        ("AKIA", r"()\bAKIA[0-9A-Z]{16}"),
        ("AGE-SECRET-KEY-", r"()\bAGE-SECRET-KEY-1[0-9A-Z]+"),
        ("hvs. hvb.", r"()\bhv[sb]\.[\w-]{20,}"),
        ("PRIVATE KEY", r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^'\"-]+"),
    )
)

# user:password@host without a scheme, but not image@sha256:... There are two steps, because a search from each
# character of a long word would take quadratic time: first the text before an @, then the position of the user in it.
_BEFORE_AT = re.compile(r"(?<![^\s'\"/@])([^\s'\"/@]+)@(?!sha\d)(?=[a-z0-9.-]+[/:])", re.IGNORECASE)
_USER = re.compile(r"(^|[=(])[^:=()]+:")
_USER_INSIDE = re.compile(r"([=(])[^:=()]+:")

# Patterns are compiled at first use, because most commands need none.
_compiled = cache(partial(re.compile, flags=re.IGNORECASE))

_known: tuple[str, ...] = ()  # replaced as a whole, so that threads can read it at any time


def learn(*credentials: str) -> None:
    """Redact these texts from now on, also in the forms in which they are sent; very short ones are not redacted."""
    global _known  # noqa: PLW0603  credentials and outputs belong to the process
    forms = {
        form
        for credential in credentials
        if len(credential) >= CREDENTIAL_CHARS_MIN
        for form in _forms(credential)
    }
    if not forms.issubset(_known):
        _known = tuple(sorted({*_known, *forms}, key=lambda form: (-len(form), form)))


def learn_login(user: str, password: str) -> None:
    """Redact a password, and the header in which it is sent."""
    if password:
        learn(password, *_base64_forms(f"{user}:{password}"))


def _forms(credential: str) -> tuple[str, ...]:
    """Return the forms in which a credential is sent: unchanged, in URLs, in JSON, in headers."""
    written = (credential, quote(credential, safe=""), quote(credential), json.dumps(credential)[1:-1])
    return (*written, *_base64_forms(credential))


def _base64_forms(text: str) -> tuple[str, ...]:
    """Return the text in both alphabets of Base64, with and without padding, which many programs omit."""
    data = text.encode(errors="surrogateescape")
    padded = (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode())
    return (*padded, *(each.rstrip("=") for each in padded))


def redact(text: str, *, shapes: bool = True) -> str:
    """Return the text with credentials as `***`: known ones and, with `shapes`, texts that look like one."""
    for credential in _known:
        text = text.replace(credential, MASK)
    if not shapes:
        return text
    for markers, pattern in _SHAPES:
        if any(marker in text for marker in markers):
            text = _compiled(pattern).sub(_masked, text)
    return _BEFORE_AT.sub(_without_login, text) if "@" in text else text


def redact_value(value: object, *, shapes: bool = True) -> object:
    """Return a JSON-like value with every text in it redacted, including keys."""
    if isinstance(value, str):
        return redact(value, shapes=shapes)
    if isinstance(value, dict):
        return {
            redact_value(key, shapes=shapes): redact_value(each, shapes=shapes) for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact_value(each, shapes=shapes) for each in value]
    return value


class RedactingStream:
    """A text stream that redacts credentials in each write, and escapes bidirectional characters."""

    def __init__(self, stream: TextIO, *, shapes: bool = True) -> None:
        self._stream = stream
        self._shapes = shapes

    def write(self, text: str) -> int:
        """Write the redacted text, and return the length of the given text."""
        self._stream.write(without_turns(redact(text, shapes=self._shapes)))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def _without_login(found: "re.Match[str]") -> str:
    is_path = found.string[max(0, found.start() - 1) : found.start()] in ("/", "@")
    user = (_USER_INSIDE if is_path else _USER).search(found[1])
    if user is None or user.end() == len(found[1]):
        return found[0]
    return f"{found[1][: user.end(1)]}{MASK}@"


def _masked(found: "re.Match[str]") -> str:
    at = "@" if found[0].endswith("@") else ""
    return f"{found[1]}{MASK}{at}"
