"""Answers the requests of other commands while the service holds the lease.

A request that only changes history is answered at once, even during a run that may take minutes. A `sync` waits for a
run that begins after the request, and gets the report of that run. If something more urgent ends the run early, the
next run continues it, and the report covers all of them together.

Note [Syncs of some apps]
A `sync` that names apps gets a run that is limited to them, so that its report and its exit code concern only these
apps. That run serves no other trigger: if there is another one, a run over all apps comes first. Syncs that name the
same apps share a run.

Note [Stale requests]
A request outlives its sender, which may have been killed, and the service that should execute it. A rollback is no
longer wanted days later: such a request is answered with an error instead.

Note [Numbers begin again]
If the history file is deleted or replaced while the service runs, the numbers of requests begin again. So a number
alone identifies no request: the time of the request is compared, too.
"""

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from gitops_orch.controller.registry.tag_digests import TagCheck
from gitops_orch.daemon.application import Application
from gitops_orch.daemon.requests.dispatch import ANSWER_WAIT_MAX_S, answer
from gitops_orch.daemon.requests.operations import named_apps
from gitops_orch.daemon.requests.verbs import Reply, Verb
from gitops_orch.errors import GitopsOrchError
from gitops_orch.history.records import Request
from gitops_orch.logs import LOG
from gitops_orch.model.app import AppKey
from gitops_orch.model.documents.document import Document
from gitops_orch.model.documents.serial import run_document
from gitops_orch.model.status import RunReport, SkipReason

REQUEST_FAILED = "request.internal_error"


class PendingSyncs:
    """The syncs that a run serves, and the result of that run."""

    def __init__(self, requests: tuple[Request, ...], apps: frozenset[AppKey] = frozenset()) -> None:
        self.requests = requests
        self.apps = apps  # the run is limited to these; empty: all apps
        self.numbers = tuple(request.id for request in requests)
        self.tags = TagCheck(
            now=bool(requests), everything=any(each.arguments.get("pull") == "yes" for each in requests)
        )
        self.report: RunReport | None = None
        self.cut_short = False

    def noting(self, should_end: Callable[[], bool]) -> Callable[[], bool]:
        """Return the same function, and record when it returns True: such a run did not do all that was asked for."""

        def ask() -> bool:
            yes = should_end()
            self.cut_short |= yes
            return yes

        return ask


class RequestHandler:
    """Reads requests from history, and writes their answers there."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._syncs: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._parts: dict[str, list[RunReport]] = {}  # by the names in a sync: its runs so far, all cut short
        self._taken: set[tuple[int, datetime]] = set()  # queued or answered; see Note [Numbers begin again]

    def answer_new(self) -> bool:
        """Answer requests that need no run, and queue the others. Returns whether the loop has something to do."""
        pending = self._application.history.pending_requests()
        new = [request for request in pending if _identity(request) not in self._taken]
        self._taken = {_identity(request) for request in pending}
        for request in new:
            if self._is_stale(request):
                self._finish(
                    request,
                    Reply(
                        exit_code=1,
                        document={"error": "the request is too old: no process waits for its answer"},
                    ),
                )
            elif request.verb == Verb.SYNC.value:
                self._syncs.put(request)
            else:
                self._finish(request, self._answer(request))
        return bool(new)

    @contextmanager
    def serving_syncs(self, *, also_of_some_apps: bool = True) -> Iterator[PendingSyncs]:
        """Yield the syncs that the run in the block serves, and answer them with its report or its failure.

        They are the oldest sync and all that name the same apps; without `also_of_some_apps`, the syncs that name no
        apps. If the run is cut short, the next run serves them. If the service ends instead, they stay unanswered, and
        their senders withdraw them.
        """
        asked = self._next(also_of_some_apps=also_of_some_apps)
        names = _names(asked.requests[0]) if asked.requests else ""
        try:
            yield asked
        except Exception as error:
            self._parts.pop(names, None)
            self._answer_all(asked.requests, Reply(exit_code=1, document={"error": str(error), "hint": ""}))
            raise
        if asked.report is None or not asked.numbers:
            return
        parts = self._parts.setdefault(names, [])
        parts.append(asked.report)
        if asked.cut_short:
            for request in asked.requests:
                self._syncs.put(request)
        else:
            report = _merged(self._parts.pop(names))
            self._answer_all(asked.requests, Reply(exit_code=report.exit_code, document=run_document(report)))

    def has_waiting(self) -> bool:
        """Tell whether a sync waits for a run."""
        return not self._syncs.empty()

    def _next(self, *, also_of_some_apps: bool) -> PendingSyncs:
        """Return the syncs for the next run; see Note [Syncs of some apps]."""
        waiting = [self._syncs.get() for _ in range(self._syncs.qsize())]
        names = _names(waiting[0]) if waiting and also_of_some_apps else ""
        chosen = [each for each in waiting if _names(each) == names]
        for request in waiting:
            if request not in chosen:
                self._syncs.put(request)
        try:
            apps = named_apps(self._application, names.split())
        except GitopsOrchError as error:
            document: Document = {"error": error.message, "hint": error.hint}
            self._answer_all(chosen, Reply(exit_code=1, document=document))
            return self._next(also_of_some_apps=also_of_some_apps)
        return PendingSyncs(tuple(chosen), apps)

    def _answer_all(self, requests: Iterable[Request], reply: Reply) -> None:
        for request in requests:
            self._finish(request, reply)

    def _answer(self, request: Request) -> Reply:
        try:
            verb = Verb(request.verb)
        except ValueError:
            return Reply(exit_code=1, document={"error": f"the service does not know {request.verb}"})
        try:
            arguments = {str(key): str(value) for key, value in request.arguments.items()}
            return answer(self._application, verb, arguments)
        except Exception as error:  # noqa: BLE001 an unanswered request would end the service after each restart
            LOG.exception(REQUEST_FAILED, verb=request.verb, error=str(error))
            return Reply(
                exit_code=1,
                document={"error": f"the service could not carry out {request.verb}: {error!r}", "hint": ""},
            )

    def _is_stale(self, request: Request) -> bool:
        # See Note [Stale requests].
        return (self._application.clock.now() - request.at).total_seconds() > ANSWER_WAIT_MAX_S

    def _finish(self, request: Request, reply: Reply) -> None:
        self._application.history.finish_request(
            request.id, reply.exit_code, reply.document, asked_at=request.at
        )


def _identity(request: Request) -> tuple[int, datetime]:
    return (request.id, request.at)


def _names(request: Request) -> str:
    """Return the apps that a sync names, as a key: each once, sorted; "" if it names none."""
    return " ".join(sorted(set(str(request.arguments.get("apps", "")).split())))


def _merged(parts: Sequence[RunReport]) -> RunReport:
    """Return the report of several runs, each of which continued the one before it, as if they were one run."""
    *before, last = parts
    done = [
        result
        for part in before
        for result in part.results
        if result.skip_reason is not SkipReason.RUN_STOPPED
    ]
    return replace(
        last,
        first_plan=parts[0].first_plan,
        duration_ms=sum(part.duration_ms for part in parts),
        results=(*done, *last.results),
        reverts=tuple(news for part in parts for news in part.reverts),
    )
