"""Recognises apps and services that were renamed, moved, removed or cannot be read."""
