"""Bytes that must not be seen: redacted wherever a value is printed."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Content that never appears in a repr, a log, a plan or a diff; `reveal` is for the Engine's payload alone."""

    _content: bytes = field(repr=False)

    def reveal(self) -> bytes:
        """Return the content; call it only where bytes leave for an Engine, are hashed with a salt, or are struck out of a text."""
        return self._content

    def __repr__(self) -> str:
        return "Sensitive(***)"

    def __str__(self) -> str:
        return "***"
