"""Reads a command line, runs one verb, and returns an exit code."""
