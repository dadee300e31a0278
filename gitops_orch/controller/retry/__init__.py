"""Decides when to retry after an error, and remembers which fields were healed."""
