"""Tells whether the loop makes progress, and what it is doing."""
