"""Secret bytes: redacted wherever a value is printed."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Content that never appears in a repr, a log, a plan or a diff; `reveal` is for the Engine's payload."""

    _content: bytes = field(repr=False)
    _sha256: list[str] = field(default_factory=list, repr=False, compare=False)  # cached after the first call

    def sha256(self) -> str:
        """Return the hex SHA-256 of the content; it is computed once, and freed with the content."""
        if not self._sha256:
            self._sha256.append(hashlib.sha256(self._content).hexdigest())
        return self._sha256[0]

    def reveal(self) -> bytes:
        """Return the content.

        Call it only where the bytes are sent to an Engine, are hashed with a salt, or are redacted from a text.
        """
        return self._content

    def __repr__(self) -> str:
        return "Sensitive(***)"

    def __str__(self) -> str:
        return "***"
