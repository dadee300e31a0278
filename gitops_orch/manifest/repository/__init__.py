"""Finds the Compose files, Host documents and Fleet document of a tree."""
