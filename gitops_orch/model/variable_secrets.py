"""Which values of variables are secrets: they must not be shown, wherever a file or a program repeats them.

A health check or a command repeats a password, as `redis-cli -a PASSWORD ping` does, and a program prints it in an error.
A name says that its value is a secret; an address of the form `scheme://user:password@host` has one inside.
"""

import re
from collections.abc import Collection, Iterable, Mapping

from gitops_orch.model.app import App, Service
from gitops_orch.model.secret_words import STRUCK_OUT, names_a_secret

SECRET_CHARS_MIN = 6  # a shorter one is part of ordinary words: to strike it out there would reveal it
_PASSWORD = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")
_PLACES = ("FILE", "PATH", "DIR")  # DB_PASSWORD_FILE=/run/secrets/db is no secret


def secrets_of_app(app: App) -> frozenset[str]:
    """Return the secrets in the variables of all services of an app."""
    found: set[str] = set()
    return frozenset(found.union(*(secrets_of_service(service) for service in app.services)))


def secrets_of_service(service: Service) -> frozenset[str]:
    """Return the secrets in the variables that a service's file declares."""
    declared = service.compose.get("environment")
    rows = declared.items() if isinstance(declared, Mapping) else ()
    variables = [(str(name), str(value)) for name, value in rows if value is not None]
    return secrets_of(variables, (service.name, service.image))


def secrets_of(variables: Iterable[tuple[str, str]], open_words: Collection[str] = ()) -> frozenset[str]:
    """Return the secrets in variables; one that also stands where everybody may see it (`postgres`) is none."""
    rows = list(variables)
    named = {value for name, value in rows if _holds_a_secret(name)}
    inside = {password for _, value in rows for password in _PASSWORD.findall(value)}
    shown = {value for name, value in rows if not _holds_a_secret(name)}
    return frozenset(
        each
        for each in named | inside
        if len(each) >= SECRET_CHARS_MIN
        and each not in shown
        and not any(each in word for word in open_words)
    )


def without_values(text: str, secrets: Iterable[str]) -> str:
    """Return a text with these values struck out, the longest first: one may be a part of another."""
    for secret in sorted(secrets, key=lambda each: (-len(each), each)):
        text = text.replace(secret, STRUCK_OUT)
    return text


def _holds_a_secret(name: str) -> bool:
    return names_a_secret(name) and not name.upper().endswith(_PLACES)
