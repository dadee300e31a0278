"""Decides what of an app's or a program's text may be shown, and when two reasons are the same."""
