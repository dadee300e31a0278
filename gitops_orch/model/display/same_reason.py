"""Two reasons are the same news if they differ only in what changes from one look to the next.

A check prints its own duration, and the text of a network error names the port that the connection happened to have.  That
is worth showing, and no reason for another row of history or another notification.
"""

import re

AGAIN = "; tried again at "
LEFT = "; it is left alone until "
# What a check printed stands behind one of these, up to the end of the reason.
CHECK_FAILS = "its health check fails"
REPORTS_UNHEALTHY = "its healthcheck reports unhealthy"
NOT_PASSED_YET = "its healthcheck has not passed yet"

_PRINTED = re.compile(f"({CHECK_FAILS}|{REPORTS_UNHEALTHY}|{NOT_PASSED_YET}): .*", re.DOTALL)
_OWN_PORT = re.compile(r":[0-9]{1,5}->")  # as Go writes a connection: 10.0.0.2:43210->10.0.0.1:443


def stable_part(reason: str) -> str:
    """Return a reason without the moment at which it ends: that changes, and is no news."""
    return reason.partition(AGAIN)[0].partition(LEFT)[0]


def steady(reason: str) -> str:
    """Return what two reasons that are the same news have in common; to compare, not to show."""
    return _OWN_PORT.sub("->", _PRINTED.sub(r"\1", stable_part(reason)))
