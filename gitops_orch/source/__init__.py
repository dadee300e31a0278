"""Fetches commits from the Git repository, reads their files, and pushes reverts."""
