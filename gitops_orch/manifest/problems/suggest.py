"""Suggests the word that a mistyped word was probably meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches

WORDS_MAX = 200  # known words to compare; more would cost time on hostile input
LENGTH_MAX = 80


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean environment?` for the closest known word, or "" where none is close."""
    if len(word) > LENGTH_MAX:
        return ""
    candidates = [name for _, name in zip(range(WORDS_MAX), known, strict=False) if name != word]
    close = get_close_matches(word, candidates, n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""
