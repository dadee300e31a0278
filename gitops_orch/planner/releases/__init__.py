"""Chooses the target release of each app, and decides which apps wait for others."""
