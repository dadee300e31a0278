"""A plan: the actions of one pass in order, with reasons; and the holds, with reasons."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gitops_orch.model.app import AppKey
from gitops_orch.model.host_files import FilesQuery
from gitops_orch.model.observed import Placed
from gitops_orch.model.plan.action import Action, intent_of
from gitops_orch.model.plan.kinds import PutFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHold:
    """Something that the plan leaves as it is; `app` is None where it concerns several apps.

    A hold with `error` blocks the desired state and needs a person. Other holds were requested, or protect data.
    """

    subject: str
    reason: str
    app: AppKey | None = None
    error: bool = False
    stopped: bool = False  # healing is suspended for a while, because it did not help
    heals: bool = False  # only the changes of Git wait: running containers are healed as usual
    kept: bool = False  # a file that differs on its host and stays so, while the app follows Git

    @property
    def covers_app(self) -> bool:
        """Tell whether the app as a whole is held, and not only one of its containers, files or volumes."""
        return self.app is not None and self.subject == str(self.app)

    @property
    def full_reason(self) -> str:
        """Return the reason, with the subject before it where that is not the app itself."""
        return self.reason if self.covers_app else f"{self.subject}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A rule that forbids the whole plan, with its numbers."""

    rule: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that one pass will do: the executor decides nothing. With a refusal, nothing of it is executed."""

    commit: str
    actions: tuple[Action, ...] = ()
    holds: tuple[PlanHold, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unknown_hosts: tuple[str, ...] = ()
    unknown_apps: tuple[AppKey, ...] = field(default=())
    unread: tuple[tuple[str, FilesQuery], ...] = ()  # bind mounts, by host, to read for a better plan
    # Apps without changes whose files on a host could not be read, each with the reason: the files may differ from Git.
    files_unknown: Mapping[AppKey, str] = field(default_factory=dict)
    # By host, the slots whose containers are still those from before the adoption: their data is on the host, also when
    # the host is removed from Git.
    taking_over: Mapping[str, frozenset[Placed]] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Return a hex SHA-256 over everything that the plan would do: equal plans have equal digests."""
        rows = [
            [a.id, a.kind.value, a.host, a.target, a.reason, [*a.after, *a.follows], *_content(a)]
            for a in self.actions
        ]
        return hashlib.sha256(json.dumps([self.commit, rows]).encode()).hexdigest()


def _content(action: Action) -> list[str]:
    """Return what the digest has of an action's payload; the rest of it is in the id and the reason."""
    if isinstance(action.payload, PutFiles) and action.payload.work is not None:
        return ["", repr(action.payload.work)]
    intent = intent_of(action)
    return ["" if intent is None else intent.spec_hash]
