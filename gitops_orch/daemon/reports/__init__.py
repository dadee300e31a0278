"""Builds the documents that `history`, `explain` and `logs` print."""
