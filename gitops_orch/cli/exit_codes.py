"""Defines the exit codes of the verbs."""

OK = 0
ERROR = 1
CHANGES = 2
UNHEALTHY = 2
UNKNOWN = 3
INTERRUPTED = 130
