"""Decides which previous container runs while the new release cannot."""
