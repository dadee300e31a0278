"""Decides when two reasons are the same: they differ only in details that change with each observation.

A check prints its own duration, and the text of a network error has the local port of that connection. Such details are
shown, but they must not cause another row of history or another notification.
"""

import re

AGAIN = "; tried again at "
LEFT = "; it is left alone until "
# After each of these texts, the rest of the reason is the output of a check.
CHECK_FAILS = "its health check fails"
REPORTS_UNHEALTHY = "its healthcheck reports unhealthy"
NOT_PASSED_YET = "its healthcheck has not passed yet"

_PRINTED = re.compile(f"({CHECK_FAILS}|{REPORTS_UNHEALTHY}|{NOT_PASSED_YET}): .*", re.DOTALL)
_OWN_PORT = re.compile(r":[0-9]{1,5}->")  # as Go writes a connection: 10.0.0.2:43210->10.0.0.1:443


def stable_part(reason: str) -> str:
    """Return a reason without the time at which it ends: a new time is not a new reason."""
    return reason.partition(AGAIN)[0].partition(LEFT)[0]


def steady(reason: str) -> str:
    """Return the part that two equal reasons have in common; for comparison, not for display."""
    return _OWN_PORT.sub("->", _PRINTED.sub(r"\1", stable_part(reason)))
