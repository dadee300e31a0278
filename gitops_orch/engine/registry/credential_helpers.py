"""Runs Docker's credential helpers: programs that return the credentials of a registry, over stdin and stdout.

Only programs of the directory in the settings are started, by their path and without a shell. The content of a
repository has no influence on this.
"""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from gitops_orch.errors import SettingsError

PREFIX = "docker-credential-"
DEADLINE_S = 30.0
ANSWER_BYTES_MAX = 1_000_000
_SHOWN_MAX = 300
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_IDENTITY_USER = "<token>"  # with this user name, the helper's secret is an identity token
_NOT_FOUND = "credentials not found"
_OUR_VARIABLES = "GITOPS_ORCH_"  # variables that may contain our own credentials


@dataclass(frozen=True, slots=True)
class CredentialHelpers:
    """Runs the helpers in one directory."""

    directory: Path

    def ask(self, name: str, server: str) -> dict[str, str] | None:
        """Return the credentials that helper `name` has for a server, or None; SettingsError if it fails."""
        program = self._program(name)
        answer = self._run(program, server)
        if answer.returncode:
            output = (answer.stdout or answer.stderr).decode("utf-8", "replace").strip()
            if _NOT_FOUND in output.lower():
                return None
            raise _failure(program, f"ended with exit code {answer.returncode}: {output[:_SHOWN_MAX]}")
        return _credentials(program, answer.stdout)

    def _program(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f'"{name}" is no name of a credential helper', hint="write osxkeychain, ecr-login or the like"
            )
        program = self.directory / f"{PREFIX}{name}"
        if not os.access(program, os.X_OK):
            raise SettingsError(
                f"the credential helper {program} is not there, or cannot be started",
                hint=f"install it there, or set credential_helpers to the directory that holds {PREFIX}{name}",
            )
        return program

    def _run(self, program: Path, server: str) -> "subprocess.CompletedProcess[bytes]":
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_OUR_VARIABLES)}
        try:
            return subprocess.run(
                [str(program), "get"],
                input=server.encode(),
                capture_output=True,
                timeout=DEADLINE_S,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _failure(program, f"gave no answer within {DEADLINE_S:g} s") from error
        except OSError as error:
            raise _failure(program, f"could not be started: {error.strerror}") from error


def _credentials(program: Path, stdout: bytes) -> dict[str, str] | None:
    """Return a helper's answer in the form of the Engine's API; no message ever shows the answer."""
    try:
        answer = json.loads(stdout[:ANSWER_BYTES_MAX])
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise _failure(program, "answered without Username and Secret") from error
    if not secret:
        return None
    return {"identitytoken": secret} if user == _IDENTITY_USER else {"username": user, "password": secret}


def _failure(program: Path, what: str) -> SettingsError:
    return SettingsError(
        f"the credential helper {program} {what}",
        hint=f"try it: echo REGISTRY | {program} get",
    )
