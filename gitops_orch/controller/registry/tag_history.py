"""Records of tags in registries: the digest that each tag named at its last check, and the digests that failed.

They are stored in history, so that a timed `pull_policy` asks once in its period across restarts, and a digest that
failed is not tried again by the next process.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Checked:
    """The digest that a tag named, and when its registry reported it."""

    digest: str  # sha256:...
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRecords:
    """All that is known, by normalised reference."""

    known: Mapping[str, Checked] = field(default_factory=dict)
    failed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # reasons, by digest

    def why_failed(self, reference: str) -> str:
        """Return why the image that a tag names is quarantined; "" if it is not, or if nothing is known."""
        known = self.known.get(reference)
        return self.failed.get(reference, {}).get(known.digest, "") if known is not None else ""

    def is_fresh(self, reference: str, now: datetime, period_s: float) -> bool:
        """Tell whether a tag was checked less than a period ago. If the clock was set back, it was not."""
        known = self.known.get(reference)
        return known is not None and 0 <= (now - known.at).total_seconds() < period_s

    def with_checked(self, reference: str, checked: Checked) -> "TagRecords":
        """Return the records with a registry's answer."""
        return replace(self, known={**self.known, reference: checked})

    def with_quarantined(self, reference: str, digest: str, why: str) -> "TagRecords":
        """Return the records with a digest that failed."""
        rows = {**self.failed.get(reference, {}), digest: why}
        return replace(self, failed={**self.failed, reference: rows})

    def without(self, references: Iterable[str]) -> "TagRecords":
        """Return the records without the failed digests of these references."""
        left = {key: rows for key, rows in self.failed.items() if key not in set(references)}
        return replace(self, failed=left)

    def only(self, references: Iterable[str]) -> "TagRecords":
        """Return the records without the answers for references that no app has. Failed digests stay."""
        wanted = set(references)
        return replace(self, known={key: row for key, row in self.known.items() if key in wanted})


def read_tag_records(text: str | None) -> TagRecords:
    """Return the records that `tag_records_text` wrote; empty records if they cannot be parsed."""
    with suppress(ValueError, TypeError, AttributeError, KeyError):
        document = json.loads(text or "{}")
        known = {
            str(reference): Checked(str(row["digest"]), datetime.fromisoformat(row["at"]))
            for reference, row in document.get("known", {}).items()
        }
        failed = {str(reference): dict(rows) for reference, rows in document.get("failed", {}).items()}
        return TagRecords(known=known, failed=failed)
    return TagRecords()


def tag_records_text(book: TagRecords) -> str:
    """Return the records as text for history."""
    known = {key: {"digest": row.digest, "at": row.at.isoformat()} for key, row in book.known.items()}
    return json.dumps({"known": known, "failed": book.failed}, sort_keys=True, default=dict)
