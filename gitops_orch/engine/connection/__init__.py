"""Sends requests to an Engine's API within deadlines, and turns foreign errors into errors of this program."""
