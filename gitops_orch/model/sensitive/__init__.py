"""Recognises secrets in values and commands, and hides them."""
