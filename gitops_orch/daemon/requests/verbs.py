"""The acting verbs and their reply type. They are separate from the operations, which take long to import."""

from dataclasses import dataclass
from enum import Enum

from gitops_orch.model.documents.document import Document


class Verb(Enum):
    """The verbs that act."""

    SYNC = "sync"
    ROLLBACK = "rollback"
    RETRY = "retry"
    UNPIN = "unpin"
    ACCEPT = "accept"
    HOLD = "hold"
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The result of a verb."""

    exit_code: int
    document: Document
