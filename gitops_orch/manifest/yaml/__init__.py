"""Parses YAML strictly, with the position of each value."""
