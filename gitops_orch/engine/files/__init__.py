"""Copies files from Git to a host, and reads the files that a host has."""
