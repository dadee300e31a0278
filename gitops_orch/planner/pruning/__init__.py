"""Decides which orphaned apps and lost hosts may be removed, within the removal budget."""
