"""Decides which process executes a verb: only the process that holds the lease.

Note [Only one process acts]
A verb first tries to take the lease and to act itself. If another process has the lease, the verb writes a request to
history and waits: a running service executes it. If the other process ends first, the lease becomes free, and the verb
withdraws its request and acts itself.
"""

from collections.abc import Mapping

from gitops_orch.controller.execute.run_control import Progress
from gitops_orch.daemon.application import Application, open_application
from gitops_orch.daemon.interrupts import ending_at_once, held_back
from gitops_orch.daemon.requests.operations import OPERATIONS
from gitops_orch.daemon.requests.verbs import Reply, Verb
from gitops_orch.errors import GitopsOrchError, LeaseHeld
from gitops_orch.model.documents.document import plain_value
from gitops_orch.settings import Settings

ANSWER_WAIT_MAX_S = 3600.0
ANSWER_POLL_S = 0.1
WITHDRAWN = -1  # the exit code recorded for a request that its sender executed itself


def perform(
    settings: Settings, url: str, verb: Verb, arguments: Mapping[str, str], progress: Progress | None = None
) -> Reply:
    """Execute a verb, here or in the running service, and return its result.

    Raises Interrupted if a signal ends it; then the request to the running service is withdrawn.
    """
    with ending_at_once(), open_application(settings, url) as application:
        if _try_lease(application):
            return _carry_out_here(application, verb, arguments, progress)
        number = 0
        try:
            with held_back():  # a request whose number is unknown could not be withdrawn
                number = application.history.request(verb.value, dict(arguments))
            return _await_answer(application, number, verb, arguments, progress)
        except BaseException:
            # when its sender ends, the request must not be executed later
            if number and application.history.request_result(number) is None:
                application.history.finish_request(number, WITHDRAWN, {})
            raise


def answer(
    application: Application, verb: Verb, arguments: Mapping[str, str], progress: Progress | None = None
) -> Reply:
    """Execute a verb while holding the lease. A failure is a reply, too."""
    try:
        return OPERATIONS[verb](application, arguments, progress)
    except GitopsOrchError as error:
        return Reply(exit_code=1, document={"error": error.message, "hint": error.hint})


def _await_answer(
    application: Application, number: int, verb: Verb, arguments: Mapping[str, str], progress: Progress | None
) -> Reply:
    deadline_s = application.clock.monotonic_s() + ANSWER_WAIT_MAX_S
    while application.clock.monotonic_s() < deadline_s:
        found = application.history.request_result(number)
        if found is not None:
            document = plain_value(found[1])
            return Reply(exit_code=found[0], document=document if isinstance(document, dict) else {})
        if _try_lease(application):
            application.history.finish_request(number, WITHDRAWN, {})
            return _carry_out_here(application, verb, arguments, progress)
        application.clock.sleep(ANSWER_POLL_S)
    raise GitopsOrchError(
        f"the running service (process {application.history.lease_holder()}) did not answer within {ANSWER_WAIT_MAX_S:.0f} s",
        hint="see its log, and /healthz",
    )


def _carry_out_here(
    application: Application, verb: Verb, arguments: Mapping[str, str], progress: Progress | None
) -> Reply:
    try:
        return answer(application, verb, arguments, progress)
    finally:
        application.history.release_lease()


def _try_lease(application: Application) -> bool:
    try:
        application.history.acquire_lease()
    except LeaseHeld:
        return False
    return True
