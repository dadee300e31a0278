"""Finds secrets in values that are shown: by the name of the value, and by the way it is written.

Note [Linear time]
A text may be a megabyte that an attacker wrote. Each search begins only at the first character of a word, or has a
bounded length, and each match is read once.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

REDACTED = "***"
CHANGED = "*** (changed)"

_WORDS = ("password", "passwd", "passphrase", "token", "secret", "credential")
_WHOLE_PARTS = frozenset({"pwd", "pw", "masterauth"})
_PART_ENDS = ("key", "keys", "pass")
_NO_SECRET_PARTS = frozenset({"bypass", "compass"})
# Traefik: user:hash, and a hash of htpasswd -d looks like an ordinary word
_USER_LISTS = (
    "basicauth.users",
    "digestauth.users",
)
_PLACES = ("FILE", "PATH", "DIR")  # DB_PASSWORD_FILE=/run/secrets/db is not a secret
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_SCHEME = re.compile(r"(\b[a-zA-Z][\w+.-]{0,19}://)")
_ADDRESS_END = re.compile(r"[\s\"'<>]")
_HOST_AND_PORT = re.compile(r"(?:\[[^\]]*\]|[^:/?#@]*:\d{1,5}(?=[/?#]|$))")
_PAGES = ("http://", "https://", "ws://", "wss://")  # in their paths an @ is normal
# user:password@tcp(host:port)/database, as Go's driver for MySQL writes it
_GO_LOGIN = re.compile(r"((?<![\w.%+-])[\w.%+-]{1,64}:)[^\s\"']{1,200}@(?=(?:tcp6?|unix)\()")

_NAMED = re.compile(r"(?<![\w.-])([\w.-]+)[\"']?\s*[=:]\s*")
# A flag begins at its first hyphen: searches from each hyphen of a long row would take quadratic time.
_FLAG = re.compile(r"(?<![\w-])(-[\w-]+)(?:\s+|[\"'],\s*(?=[\"']))(?!-)")
_WRITTEN = r"(?:\"[^\"]*\"|'[^']*'|[\"']?[^\s,;&\"'])[^\s,;&]*"  # a value can contain quotes, too
_VALUE = re.compile(_WRITTEN)
_REDACTED = re.compile(r"[\"']?\*{3}(?!\w)")  # redacted before: the text after it is not part of the value
_CLOSING = re.compile(r"(?<![\"'`\])}])[\"'`\])}]+\Z")
_HEADER = re.compile(
    r"((?<![\w.-])(?:proxy-)?authorization[\"']?\s*[=:]\s*[\"']?(?:(?:basic|bearer|token|digest|apikey)\s+)?)"
    rf"({_WRITTEN})",
    re.IGNORECASE,
)
# Flags by which well-known programs take a password although the flag's name does not show it. `$PASSWORD` is a
# variable of a shell, not a secret.
_USER = r"(?<![\w-])(?:-[a-zA-Z]{0,10}[uU]|--user|--proxy-user)[\s=]?"
_LOGINS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"({_USER}\"[^\s:\"']{{1,100}}:)([^\"$][^\"]*)",  # curl -u USER:PASSWORD
        rf"({_USER}'[^\s:\"']{{1,100}}:)([^'$][^']*)",
        rf"({_USER}(?!\d{{1,10}}:\d)[^\s:\"']{{1,100}}:)(?![\"']?\$)({_WRITTEN})",  # no --user 1000:1000
        rf"(\b(?:mysql|mariadb)[\w-]{{0,20}}\b[^|;&\n]{{0,200}}?\s-p)(?![\"']?\$)({_WRITTEN})",
        rf"(\b(?:redis-cli|valkey-cli|keydb-cli)\b[^|;&\n]{{0,200}}?\s-a\s{{1,9}})(?![\"']?\$)({_WRITTEN})",
        rf"(\b(?:mongo\w{{0,20}}|sshpass)\b[^|;&\n]{{0,200}}?\s-p\s{{1,9}})(?![\"']?\$)({_WRITTEN})",
    )
)
# A hash of a password, as htpasswd, crypt and LDAP write it.
_HASH = re.compile(
    r"\$(?:apr1|argon2\w{1,2}|2[abxy]?|[156y])\$[\w./$=+]{8,}"
    r"|\{(?:S?SHA(?:-?\d{1,3})?|S?MD5|CRYPT|PBKDF2[\w-]{0,20}|ARGON2|BCRYPT|PLAIN|CLEARTEXT)\}[\w./$=+-]{4,}"
)


def names_a_secret(name: str) -> bool:
    """Return whether a name shows that its value is a secret: `DB_PASSWORD`, `apiKey`, `GITHUB_TOKEN`."""
    folded = name.casefold()
    if any(word in folded for word in _WORDS) or folded.endswith(_USER_LISTS):
        return True
    parts = (part.casefold() for part in _PARTS.findall(name))
    return any(
        part in _WHOLE_PARTS or (part.endswith(_PART_ENDS) and part not in _NO_SECRET_PARTS) for part in parts
    )


def holds_a_secret(name: str) -> bool:
    """Return whether the name shows that the value itself is a secret, not a path of one as in `DB_PASSWORD_FILE`."""
    return names_a_secret(name) and not name.upper().endswith(_PLACES)


def without_secrets(text: str) -> str:
    """Return a text with the passwords of its URLs, assignments and flags redacted, and hashes of passwords."""
    text = _GO_LOGIN.sub(rf"\1{REDACTED}@", _without_logins_of_addresses(text))
    text = _redacted_after(_NAMED, text)
    text = _HEADER.sub(_redacted, text)
    return _HASH.sub(REDACTED, without_passwords_of_commands(text))


def passwords_in(text: str) -> frozenset[str]:
    """Return the passwords in the addresses of a text, as written and decoded (`p%40ss`)."""
    logins = (_login(scheme.lower(), address) for scheme, address, _ in _addresses(text))
    written = {login.partition(":")[2] for login in logins}
    return frozenset(written | {unquote(each) for each in written}) - {""}


def without_passwords_of_commands(text: str) -> str:
    """Return a command with the values of its secret flags redacted, and of flags by which programs take a password."""
    text = _redacted_after(_FLAG, text)
    for login in _LOGINS:
        text = login.sub(_redacted, text)
    return text


def shown_change(name: str, before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Return two different values of one name as they may be shown.

    If redaction makes them equal, the second value is marked as changed.
    """
    secret = names_a_secret(name)
    shown = tuple(
        None if text is None else REDACTED if secret else without_secrets(text) for text in (before, after)
    )
    if shown[0] == shown[1] and shown[1] is not None:
        return shown[0], CHANGED if secret else f"{shown[1]} (changed)"
    return shown[0], shown[1]


def _without_logins_of_addresses(text: str) -> str:
    done = [_SCHEME.split(text, maxsplit=1)[0]]
    for scheme, address, following in _addresses(text):
        login = _login(scheme.lower(), address)
        done += (scheme, REDACTED if login else "", address[len(login) :], following)
    return "".join(done)


def _addresses(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the scheme and the rest of each address, and the text up to the next one."""
    _, *rest = _SCHEME.split(text)
    for scheme, following in zip(rest[::2], rest[1::2], strict=True):
        end = _ADDRESS_END.search(following)
        address = following[: end.start()] if end else following
        yield scheme, address, following[len(address) :]


def _login(scheme: str, address: str) -> str:
    """Return the user and password of an address without its scheme; a password may contain an @ and a slash."""
    login = address.rpartition("@")[0]
    head = re.split(r"[/?#]", login, maxsplit=1)[0]
    if head != login and ":" not in head and "@" not in head:
        return ""
    if _HOST_AND_PORT.match(address) and (scheme in _PAGES or address.startswith("[")):
        return ""
    return login


def _redacted_after(opening: re.Pattern[str], text: str) -> str:
    """Redact the values after openings whose first group names a secret."""
    done: list[str] = []
    at = 0
    for found in opening.finditer(text):
        if found.start() < at or not holds_a_secret(found[1]) or _REDACTED.match(text, found.end()):
            continue
        end = _end_of_quoted(text, found)
        value = None if end > found.end() else _VALUE.match(text, found.end())
        if end > found.end() or value is not None:
            done += (text[at : found.end()], REDACTED if value is None else _closed(value[0]))
            at = end if value is None else value.end()
    return "".join((*done, text[at:]))


def _end_of_quoted(text: str, found: re.Match[str]) -> int:
    """Return the position of the closing quote if a quote is before the name, as in `'--password=my secret'`; else 0.

    The text after `-c` is a script, in which the value ends at a space.
    """
    start = found.start()
    quote = text[start - 1 : start]
    if quote not in ('"', "'") or text[found.end(1)] == quote or text[start - 3 : start - 1] == "c ":
        return 0
    return text.find(quote, found.end())


def _redacted(found: re.Match[str]) -> str:
    return found[0] if _REDACTED.match(found[2]) else found[1] + _closed(found[2])


def _closed(value: str) -> str:
    """Return a redacted value, with a closing quote or bracket that the value did not open."""
    closing = _CLOSING.search(value)
    if closing is None or value[0] in "\"'":
        return REDACTED
    return REDACTED + closing[0]
