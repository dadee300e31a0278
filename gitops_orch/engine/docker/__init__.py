"""Implements the interface `Engine` for a real Docker host."""
