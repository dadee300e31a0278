"""Talks to a Docker Engine, or simulates one."""
