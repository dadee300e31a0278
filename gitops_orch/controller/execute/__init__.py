"""Executes the actions of a plan on their hosts, and waits for their health gates."""
