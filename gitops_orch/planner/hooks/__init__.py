"""Inserts the hook commands of a service around the starts and stops of a plan."""
