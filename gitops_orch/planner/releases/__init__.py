"""Chooses the release of each app, where none is quarantined, and decides which apps wait for others."""
