"""Every error that this product raises on purpose, in one tree.

GitopsOrchError                 what happened, and what to do next
├── SettingsError               the controller's own configuration is wrong
├── SourceError                 Git could not give a verified tree of a named commit
│   ├── SourceUnavailable       the remote did not answer, or refused us; a later try may succeed
│   └── SourceHeld              the remote answered, but its answer must be allowed first (a force-push)
├── ManifestError               the tree has mistakes; carries every one of them
├── EngineError                 a Docker Engine refused or failed a request
│   ├── HostUnreachable         no answer in time: what is on the host is unknown
│   ├── NotFound                the object is not there
│   ├── Conflict                the name is taken, or the object is in a state that forbids the request
│   ├── ImageUnavailable        the image could not be pulled
│   ├── Unstartable             the image has no such command, or may not run it
│   ├── HookFailed              a command that the file asks for did not end with 0
│   └── Unsupported             this Engine's API version cannot do what the manifest asks
└── HistoryError                the state directory cannot be used
    ├── HistoryTooNew           it was written by a newer version
    └── LeaseHeld               another controller works on the same state
"""

import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING

from gitops_orch.redaction import redact

if TYPE_CHECKING:
    from gitops_orch.model.problem import Problem


INTERNAL_ERROR = "a mistake in gitops-orch itself"
_ERROR_CHARS_MAX = 200


def internal_error(error: Exception) -> str:
    """Return what to tell people of an error that nobody raises on purpose: whose mistake it is, what, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{INTERNAL_ERROR} ({redact(text)[:_ERROR_CHARS_MAX]}{place}); please report it, with the log of that moment"


def without_host(sentence: str, host: str) -> str:
    """Return a sentence without the name of its host in front, for where that name stands already."""
    return sentence.removeprefix(f"{host}: ").removeprefix(f"host {host}: ")


class GitopsOrchError(Exception):
    """The root: a sentence that says what happened, and a hint that says what to do next ("" where nothing can be).

    A server may repeat a credential in its answer, so the sentence is redacted before anybody prints or stores it.
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
    """Git could not give a verified tree of a named commit."""


class SourceUnavailable(SourceError):
    """The remote did not answer, or refused us; a later try may succeed."""


class SourceHeld(SourceError):
    """The branch moved in a way that must be allowed first; `commit` is where it points now."""

    def __init__(self, message: str, *, commit: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.commit = commit


class ManifestError(GitopsOrchError):
    """The tree has mistakes; `problems` holds every one of them."""

    def __init__(self, problems: "tuple[Problem, ...]") -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class EngineError(GitopsOrchError):
    """A Docker Engine refused or failed a request; the message names the host."""


class HostUnreachable(EngineError):
    """No answer in time: the outcome of the request, and what is on the host, are unknown."""


class NotFound(EngineError):
    """The object is not there."""


class Conflict(EngineError):
    """The name is taken, or the object is in a state that forbids the request."""


class ImageUnavailable(EngineError):
    """The image could not be pulled; nothing else was touched."""


class Unstartable(EngineError):
    """The image has no such command, or may not run it: the release is bad, not the host."""


class HookFailed(EngineError):
    """A command that the file asks for did not end with 0: the release is bad, not the host."""


class StoppedFromOutside(EngineError):
    """Its container was stopped, paused, restarted or removed from outside: that says nothing of the release."""


class StillRestarting(EngineError):
    """Its container is being restarted by its restart policy: it waits until the container runs again."""


class Unsupported(EngineError):
    """This Engine's API version cannot do what the manifest asks."""


class HistoryError(GitopsOrchError):
    """The state directory cannot be used."""


class HistoryTooNew(HistoryError):
    """The state was written by a newer version of the product."""


class LeaseHeld(HistoryError):
    """Another controller works on the same state."""


class Interrupted(BaseException):
    """A signal that ends a verb at once: nobody waits for what is under way.

    The message names what that leaves down, if anything; `code` is what the process exits with.
    No KeyboardInterrupt, which the command line's library ends a process with before anybody can say a word.
    """

    def __init__(self, message: str = "", *, code: int = 130) -> None:
        super().__init__(message)
        self.code = code
