"""Loads a Compose file with its includes, extended services and variable files, as Docker Compose does."""
