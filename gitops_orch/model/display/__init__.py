"""Decides which text of an app or a program may be shown, and when two reasons are the same."""
