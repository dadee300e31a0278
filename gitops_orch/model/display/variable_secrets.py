"""Decides which values of variables are secrets; they are redacted wherever a file or a program repeats them.

A health check or a command repeats a password, as `redis-cli -a PASSWORD ping` does, and a program prints it in an
error. The name of a variable can show that its value is a secret. An address `scheme://user:password@host` contains
one.
"""

import json
import shlex
from collections.abc import Collection, Iterable, Mapping

from gitops_orch.model.app import App, Service
from gitops_orch.model.sensitive.secret_words import REDACTED, holds_a_secret, passwords_in

SECRET_CHARS_MIN = 6  # a shorter value is part of ordinary words: redacting it there would reveal it
# Values of settings such as PASSWORD_LOGIN, and passwords that are words of many messages: redacting them would reveal
# them.
_COMMON = frozenset(
    {
        "password",
        "passwd",
        "changeme",
        "secret",
        "default",
        "enabled",
        "disabled",
        "required",
        "optional",
        "administrator",
        "localhost",
        "database",
        "production",
        "development",
        "postgres",
        "username",
    }
)


def secrets_of_app(app: App) -> frozenset[str]:
    """Return the secrets in the variables of an app: those of its services, and those that its files may use."""
    return app.secrets.union(*(secrets_of_service(service) for service in app.services))


def secrets_of_service(service: Service) -> frozenset[str]:
    """Return the secrets in the variables that a service's file declares."""
    declared = service.compose.get("environment")
    rows = declared.items() if isinstance(declared, Mapping) else ()
    variables = [(str(name), str(value)) for name, value in rows if value is not None]
    return secrets_of(variables, (service.name, service.image))


def secrets_of(variables: Iterable[tuple[str, str]], open_words: Collection[str] = ()) -> frozenset[str]:
    """Return the secrets in variables.

    A word that is also in a public place, such as `postgres` in the name of the image, is not a secret.
    """
    rows = list(variables)
    named = {value for name, value in rows if holds_a_secret(name)}
    inside = frozenset().union(*(passwords_in(value) for _, value in rows if "://" in value))
    shown = {value for name, value in rows if not holds_a_secret(name) and value.isalpha()}
    return frozenset(
        each
        for each in named | inside
        if len(each) >= SECRET_CHARS_MIN
        and each not in shown
        and each.casefold() not in _COMMON
        and not any(each in word for word in open_words)
    )


def without_values(text: str, secrets: Iterable[str]) -> str:
    """Return a text with these values redacted."""
    for form in forms_of_all(secrets):
        text = text.replace(form, REDACTED)
    return text


def forms_of_all(secrets: Iterable[str]) -> list[str]:
    """Return the strings to search for, the longest first: one may be a part of another."""
    found = {form for secret in secrets for form in forms_of(secret)}
    return sorted(found, key=lambda each: (-len(each), each))


def forms_of(secret: str) -> frozenset[str]:
    """Return a value as it is, as JSON writes it, and as a shell writes it between quotes."""
    quoted = shlex.quote(secret)
    return frozenset({secret, json.dumps(secret)[1:-1], quoted[1:-1] if quoted[0] == "'" else secret})
