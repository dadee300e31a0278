"""Builds the actions that stop, remove or retain containers, in dependency order."""
