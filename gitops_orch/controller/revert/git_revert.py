"""Reverts an app in Git: a commit on top of the branch restores the app's own files of an older commit, and is pushed.

Both `rollback` and the controller use it. The commit is compiled before it is pushed. It changes no other app. If the
controller reverts by itself, the app is exactly the older release again.

Note [Own files]
Only files that no other app reads are restored. A file that another app reads, too, and the Fleet document stay as they
are: a revert of one app must not change another. A file that no app reads belongs to no app, and also stays.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from gitops_orch.controller.desired.config_repository import ConfigRepository
from gitops_orch.errors import SettingsError, SourceError, SourceUnavailable
from gitops_orch.manifest.app.compile_app import CompiledFile
from gitops_orch.manifest.shared_files import Difference, Version, difference, others
from gitops_orch.model.app import AppKey
from gitops_orch.model.display.program_output import without_output
from gitops_orch.model.tree import Tree
from gitops_orch.source.commits import REVERTS

APP_TRAILER = "Gitops-Orch-App"
REASON_TRAILER = "Gitops-Orch-Reason"
TRIES_MAX = 5
REVERTED_MAX = 20  # number of commits that the message names
REASON_CHARS_MAX = 200
NAMES_MAX = 5
SHORT = 10


class RevertStatus(Enum):
    """The outcome of a request."""

    PUSHED = "pushed"
    # The commit was created, but not pushed, because a push was not requested.
    DRAFTED = "drafted"
    # Not possible as the branch is now: a retry helps only after the branch moves.
    REFUSED = "refused"
    # Possible, but the remote did not accept it: a retry may help.
    FAILED = "failed"
    NOTHING = "nothing"  # the app is already as requested
    MOVED_ON = "moved-on"  # the branch already has another release of the app


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertRequest:
    """A request to restore an app as of a commit, with the reason."""

    app: AppKey
    commit: str
    reason: str
    # Digest of the only release that may be reverted; "" if a person makes the request.
    failed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertOutcome:
    """The outcome of a request, with texts for people. `commit` is the commit that was created."""

    result: RevertStatus
    message: str = ""
    hint: str = ""
    # The head on which it was created or refused; "" if the remote did not answer.
    head: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class _RevertCommit:
    commit: str
    rest: str  # what still differs from the older release; "" if nothing


class Reverter:
    """Creates reverts, checks them, and pushes them. Not for use by two threads at once."""

    def __init__(self, repository: ConfigRepository) -> None:
        self._repository = repository
        self._source = repository.source

    def revert(self, request: RevertRequest, alive: Callable[[], None] = lambda: None) -> RevertOutcome:
        """Push the requested revert on top of the branch's head.

        Create it again each time that the branch moves meanwhile.

        `alive` is called before each request to the remote, which may hang until its deadline.
        """
        for _ in range(TRIES_MAX):
            try:
                alive()
                head = self._repository.fetch()
                done = self._try_revert(head, request, alive)
            except (SourceError, SettingsError) as error:
                return RevertOutcome(result=RevertStatus.FAILED, message=error.message, hint=error.hint)
            if done is not None:
                return done
        return RevertOutcome(
            result=RevertStatus.FAILED,
            message=f"{self._source.url}: the branch moved each of {TRIES_MAX} times that the revert was made",
            hint="wait until fewer push to it",
        )

    def draft(self, head: str, request: RevertRequest) -> RevertOutcome:
        """Create the commit of a request without pushing it; raises SourceError."""
        draft = self._draft(head, request)
        if isinstance(draft, RevertOutcome):
            return draft
        message = (
            f"would push {draft.commit[:SHORT]}: {request.app} as of {request.commit[:SHORT]}{draft.rest}"
        )
        return RevertOutcome(result=RevertStatus.DRAFTED, message=message, head=head, commit=draft.commit)

    def _try_revert(
        self, head: str, request: RevertRequest, alive: Callable[[], None]
    ) -> RevertOutcome | None:
        """Return the outcome; None if the branch moved meanwhile."""
        draft = self._draft(head, request)
        if isinstance(draft, RevertOutcome):
            return draft
        alive()
        try:
            self._source.push(draft.commit, head=head)
        except SourceUnavailable:
            return None
        except SourceError:
            alive()
            if not self._has_landed(draft.commit):
                raise
        message = f"{request.app} is as of {request.commit[:SHORT]} again in {draft.commit[:SHORT]}"
        return RevertOutcome(
            result=RevertStatus.PUSHED, message=message + draft.rest, head=head, commit=draft.commit
        )

    def _has_landed(self, created: str) -> bool:
        """Tell whether the push succeeded and only its answer was lost."""
        with suppress(SourceError, SettingsError):
            return self._repository.fetch() == created
        return False

    def _draft(self, head: str, request: RevertRequest) -> _RevertCommit | RevertOutcome:
        now = self._version(self._repository.tree(head))
        current = _file_of(request.app, now.files)
        asked = current.app.digest if current is not None and current.app is not None else ""
        if request.failed and asked != request.failed:
            return RevertOutcome(result=RevertStatus.MOVED_ON, head=head)
        then_tree = self._repository.tree(request.commit)
        older = self._repository.app_file(then_tree, request.app)
        if older is None or older.app is None:
            return _refused(request, head, _missing(request, head, there=current is not None))
        then = Version(tree=then_tree, files=(older,))
        found = difference(request.app, now, then)
        if not found.own and asked == older.app.digest:
            return RevertOutcome(result=RevertStatus.NOTHING, head=head)
        if not found.own:
            why = f"its own files are as of {request.commit[:SHORT]}; {_shared(found)}"
            return _refused(request, head, f"{request.app}: {why}")
        commit = self._source.draft_revert(
            paths=found.own,
            to_commit=request.commit,
            head=head,
            message=self._message(request, found.own, head),
        )
        created = self._version(self._repository.tree(commit))
        bystanders = _changed(others(request.app, now, then), others(request.app, created, then))
        if bystanders:
            return _refused(request, head, f"its files alone would change {_listed(bystanders)} as well")
        after = _file_of(request.app, created.files)
        exact = after is not None and after.app is not None and after.app.digest == older.app.digest
        if request.failed and not exact:
            return _refused(request, head, _shared(found))
        return _RevertCommit(commit, "" if exact else f"; {_shared(found)}")

    def _version(self, tree: Tree) -> Version:
        return Version(tree=tree, files=self._repository.app_files(tree))

    def _message(self, request: RevertRequest, paths: tuple[str, ...], head: str) -> str:
        reverted = self._source.touching(paths, since=request.commit, head=head)[:REVERTED_MAX]
        reason = git_words(request.reason)
        trailers = [f"{REVERTS}: {commit}" for commit in reverted or (head,)]
        trailers += [f"{APP_TRAILER}: {request.app}", f"{REASON_TRAILER}: {reason}"]
        return (
            f"Revert {request.app} to {request.commit[:SHORT]}\n\n"
            f"{reason}\n\n"
            "The files that only this app uses are as in that commit; all other files are unchanged.\n"
            "To deploy the reverted changes again, revert this commit.\n\n" + "\n".join(trailers) + "\n"
        )


def git_words(reason: str) -> str:
    """Return a reason for a commit message: one short, printable line without any output of programs."""
    first = next(iter(without_output(reason).strip().splitlines()), "")
    printable = "".join(char if char.isprintable() else " " for char in first)
    words = " ".join(printable.split())
    return words if len(words) <= REASON_CHARS_MAX else words[:REASON_CHARS_MAX] + "…"


def _file_of(app: AppKey, files: Iterable[CompiledFile]) -> CompiledFile | None:
    return next((file for file in files if file.key == app), None)


def _changed(before: Iterable[CompiledFile], after: Iterable[CompiledFile]) -> list[str]:
    """Return the apps, or files whose app is unknown, that would change."""
    known, created = _digests(before), _digests(after)
    return sorted(name for name in known.keys() | created.keys() if known.get(name) != created.get(name))


def _digests(files: Iterable[CompiledFile]) -> dict[str, tuple[str, str]]:
    return {str(file.key or file.path): (file.path, file.app.digest if file.app else "") for file in files}


def _refused(request: RevertRequest, head: str, why: str) -> RevertOutcome:
    hint = f"correct it there by a commit of your own; {request.app} stays at {request.commit[:SHORT]} until then"
    person = "name another commit with --to, or pin it with --no-push"
    return RevertOutcome(
        result=RevertStatus.REFUSED, message=why, hint=hint if request.failed else person, head=head
    )


def _missing(request: RevertRequest, head: str, *, there: bool) -> str:
    target = request.commit[:SHORT]
    if not there:
        return f"{request.app} is in neither {head[:SHORT]} nor {target}"
    return f"{request.app} is not in {target}, or cannot be read there: going back to it would take the app out of Git"


def _shared(found: Difference) -> str:
    if not found.shared:
        return "putting back its own files does not bring back that release"
    return f"what differs, it shares with other apps: {_listed(found.shared)}"


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - NAMES_MAX} more" if len(shown) > NAMES_MAX else ""
    return ", ".join(shown[:NAMES_MAX]) + more
