"""Defines all errors that this program raises on purpose, in one tree.

GitopsOrchError                 what happened, and what to do next
├── SettingsError               the controller's own configuration is wrong
├── SourceError                 Git could not provide the files of a commit
│   ├── SourceUnavailable       the remote did not answer, or refused the request; a retry may succeed
│   └── SourceHeld              the branch moved in a way that an operator must accept first (a force-push)
├── ManifestError               the files of a commit have mistakes; the error has all of them
├── EngineError                 a Docker Engine refused a request, or failed to execute it
│   ├── HostUnreachable         no answer in time: the state of the host is unknown
│   ├── NotFound                the object does not exist
│   ├── Conflict                the name is in use, or the object's state forbids the request
│   ├── ImageUnavailable        the image could not be pulled
│   ├── Unstartable             the image does not have the command, or may not execute it
│   ├── HookFailed              a command of the Compose file did not exit with 0
│   ├── StoppedFromOutside      the container was stopped, paused, restarted or removed from outside
│   ├── StillRestarting         the container's restart policy is restarting it
│   └── Unsupported             this Engine's API version lacks a feature that the manifest declares
└── HistoryError                the state directory cannot be used
    ├── HistoryTooNew           a newer version of the program wrote it
    └── LeaseHeld               another controller has the lease of the same state
"""

import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING

from gitops_orch.redaction import redact

if TYPE_CHECKING:
    from gitops_orch.model.problem import Problem


INTERNAL_ERROR = "a mistake in gitops-orch itself"
INTERNAL_HINT = "please report it, with the log of that moment"
_ERROR_CHARS_MAX = 200


def internal_error(error: Exception) -> str:
    """Return the message for an unexpected exception: it is our mistake, the exception, and its place in the code."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{INTERNAL_ERROR} ({redact(text)[:_ERROR_CHARS_MAX]}{place}); {INTERNAL_HINT}"


def without_host(sentence: str, host: str) -> str:
    """Return a sentence without the host's name at its beginning, for output that already shows the name."""
    return sentence.removeprefix(f"{host}: ").removeprefix(f"host {host}: ")


class GitopsOrchError(Exception):
    """The base class: a message about what happened, and a hint about what to do next ("" if there is none).

    A server may repeat a credential in its answer, so the message is redacted before it is printed or stored.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        message = redact(message)
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class SettingsError(GitopsOrchError):
    """The controller's own configuration is wrong."""


class SourceError(GitopsOrchError):
    """Git could not provide the files of a commit."""


class SourceUnavailable(SourceError):
    """The remote did not answer, or refused the request; a retry may succeed."""


class SourceHeld(SourceError):
    """The branch moved in a way that an operator must accept first; `commit` is its new head."""

    def __init__(self, message: str, *, commit: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.commit = commit


class ManifestError(GitopsOrchError):
    """The files of a commit have mistakes; `problems` has all of them."""

    def __init__(self, problems: "tuple[Problem, ...]") -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class EngineError(GitopsOrchError):
    """A Docker Engine refused a request, or failed to execute it; the message names the host."""


class HostUnreachable(EngineError):
    """No answer in time: the outcome of the request and the state of the host are unknown."""


class NotFound(EngineError):
    """The object does not exist."""


class Conflict(EngineError):
    """The name is in use, or the object's state forbids the request."""


class ImageUnavailable(EngineError):
    """The image could not be pulled; nothing else was changed."""


class Unstartable(EngineError):
    """The image does not have the command, or may not execute it: the fault is the release's, not the host's."""


class HookFailed(EngineError):
    """A command of the Compose file did not exit with 0: the fault is the release's, not the host's."""


class StoppedFromOutside(EngineError):
    """The container was stopped, paused, restarted or removed from outside: this is not the release's fault."""


class StillRestarting(EngineError):
    """The container's restart policy is restarting it: the action waits until the container runs again."""


class Unsupported(EngineError):
    """This Engine's API version lacks a feature that the manifest declares."""


class HistoryError(GitopsOrchError):
    """The state directory cannot be used."""


class HistoryTooNew(HistoryError):
    """A newer version of the program wrote the state."""


class LeaseHeld(HistoryError):
    """Another controller has the lease of the same state."""


class Interrupted(BaseException):
    """A signal that ends a verb at once, without waiting for running work.

    The message names what stays stopped because of this, if anything; `code` is the exit code of the process.
    It is no KeyboardInterrupt, because the command line's library ends the process on that before we can print.
    """

    def __init__(self, message: str = "", *, code: int = 130) -> None:
        super().__init__(message)
        self.code = code
