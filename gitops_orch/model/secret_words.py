"""What may be a secret in a value that a person is to read: told by the value's name, and by how it is written."""

import re

STRUCK_OUT = "***"
CHANGED = "*** (changed)"

_WORDS = ("password", "passwd", "passphrase", "token", "secret", "credential")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_URL = re.compile(r"(\b[a-zA-Z][\w+.-]{0,19}://)[^/@\s]+@")
_NAMES = r"(?:password|passwd|passphrase|pass|pwd|token|secret|credentials?|key)"
_ASSIGNED = re.compile(
    rf"((?:\b|[\w.-]){_NAMES}[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)", re.IGNORECASE
)
# A flag begins at its first hyphen: a search from each hyphen of a long row would take the square of its length.
_FLAG = re.compile(rf"((?<![\w-])-(?:[\w-]*{_NAMES})\s+)(\"[^\"]*\"|'[^']*'|[^\s-]\S*)", re.IGNORECASE)
# What well-known programs take a password by, where no name says so; `$PASSWORD` is a variable of a shell, and no secret.
# Each search is bounded, so that a long row of such words costs no more than its length.
_VALUE = r"(?![\"']?\$)(\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
_LOGINS = tuple(
    re.compile(pattern + _VALUE)
    for pattern in (
        r"((?<![\w-])(?:-u|--user)[\s=][\"']?(?!\d{1,10}:\d)[^\s:\"']{1,100}:)",  # curl -u USER:PASSWORD; no --user 1000:1000
        r"(\b(?:mysql|mariadb)[\w-]{0,20}\b[^|;&\n]{0,200}?\s-p)",
        r"(\b(?:redis-cli|valkey-cli|keydb-cli)\b[^|;&\n]{0,200}?\s-a\s{1,9})",
        r"(\b(?:mongo\w{0,20}|sshpass)\b[^|;&\n]{0,200}?\s-p\s{1,9})",
    )
)
# A hash of a password, as htpasswd and crypt write it.
_HASH = re.compile(r"\$(?:apr1|argon2\w{1,2}|2[abxy]?|[156y])\$[\w./$=+]{8,}")


def names_a_secret(name: str) -> bool:
    """Tell whether a name says that its value is a secret: `DB_PASSWORD`, `apiKey`, `GITHUB_TOKEN`."""
    folded = name.casefold()
    if any(word in folded for word in _WORDS):
        return True
    parts = [part.casefold() for part in _PARTS.findall(name)]
    return any(part in {"pass", "pwd", "keys"} or part.endswith("key") for part in parts)


def without_secrets(text: str) -> str:
    """Return a text with the passwords of its URLs, assignments and flags struck out, and hashes of passwords."""
    text = _URL.sub(rf"\1{STRUCK_OUT}@", text)
    text = _ASSIGNED.sub(rf"\1{STRUCK_OUT}", text)
    text = _FLAG.sub(rf"\1{STRUCK_OUT}", text)
    for login in _LOGINS:
        text = login.sub(rf"\1{STRUCK_OUT}", text)
    return _HASH.sub(STRUCK_OUT, text)


def shown_change(name: str, before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Return two values of a name as they may be shown; where no difference is left to see, the second says so."""
    secret = names_a_secret(name)
    shown = tuple(
        None if text is None else STRUCK_OUT if secret else without_secrets(text) for text in (before, after)
    )
    if before != after and shown[0] == shown[1] and shown[1] is not None:
        return shown[0], CHANGED if secret else f"{shown[1]} (changed)"
    return shown[0], shown[1]
