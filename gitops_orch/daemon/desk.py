"""Where other commands' requests are answered while the service holds the lease.

What only changes history is done at once, beside a run that may take minutes.  A `sync` waits for a run that begins
after it was asked for, and gets that run's report.  Where something more urgent ends that run early, the next one goes on
with it, and the report is of all of them together.

Note [Requests nobody waits for].  A request outlives its sender, who may have been killed, and the service that was to
carry it out.  Carried out days later, a rollback would be nobody's wish any more: it is answered with an error instead.
"""

import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import structlog

from gitops_orch.controller.execute import STOPPED
from gitops_orch.controller.tags import TagCheck
from gitops_orch.daemon.house import House
from gitops_orch.daemon.requests import ANSWER_WAIT_MAX_S, answer
from gitops_orch.daemon.verbs import Reply, Verb
from gitops_orch.history.records import Request
from gitops_orch.model.serial import run_document
from gitops_orch.model.status import RunReport

REQUEST_BROKE = "request.broke"

_log = structlog.get_logger()


class Asked:
    """The syncs that a run is to satisfy, and what became of the run."""

    def __init__(self, requests: tuple[Request, ...]) -> None:
        self.requests = requests
        self.numbers = tuple(request.id for request in requests)
        self.tags = TagCheck(
            now=bool(requests), everything=any(each.arguments.get("pull") == "yes" for each in requests)
        )
        self.report: RunReport | None = None
        self.cut_short = False

    def noting(self, should_end: Callable[[], bool]) -> Callable[[], bool]:
        """Return the same question, noting a yes: such a run did not do all that was asked for."""

        def ask() -> bool:
            yes = should_end()
            self.cut_short |= yes
            return yes

        return ask


class Desk:
    """Takes requests from history, and gives answers back through it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._syncs: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._parts: list[RunReport] = []  # of the syncs that wait: the runs so far, all cut short
        self._seen = 0

    def answer_new(self) -> bool:
        """Answer what can be answered now, queue what needs a run; returns whether the loop has something to do."""
        new = [request for request in self._house.history.pending_requests() if request.id > self._seen]
        for request in new:
            self._seen = request.id
            if self._is_stale(request):
                self._finish(
                    request.id, Reply(exit_code=1, document={"error": "nobody waits for it any more"})
                )
            elif request.verb == Verb.SYNC.value:
                self._syncs.put(request)
            else:
                self._finish(request.id, self._answer(request))
        return bool(new)

    @contextmanager
    def serving_syncs(self) -> Iterator[Asked]:
        """Give the syncs that the run in the block will satisfy, and answer them with its report, or its failure.

        A run that was cut short leaves them to the next one; where the service ends instead, they stay unanswered, and
        their senders take them back.
        """
        asked = Asked(tuple(self._syncs.get() for _ in range(self._syncs.qsize())))
        try:
            yield asked
        except Exception as error:
            self._parts.clear()
            self._answer_all(asked.numbers, Reply(exit_code=1, document={"error": str(error), "hint": ""}))
            raise
        if asked.report is None or not asked.numbers:
            return
        self._parts.append(asked.report)
        if asked.cut_short:
            for request in asked.requests:
                self._syncs.put(request)
        else:
            report = _together(self._parts)
            self._parts.clear()
            self._answer_all(asked.numbers, Reply(exit_code=report.exit_code, document=run_document(report)))

    def _answer_all(self, numbers: tuple[int, ...], reply: Reply) -> None:
        for number in numbers:
            self._finish(number, reply)

    def _answer(self, request: Request) -> Reply:
        try:
            verb = Verb(request.verb)
        except ValueError:
            return Reply(exit_code=1, document={"error": f"the service does not know {request.verb}"})
        try:
            arguments = {str(key): str(value) for key, value in request.arguments.items()}
            return answer(self._house, verb, arguments)
        except Exception as error:  # noqa: BLE001  left unanswered, it would end each restart of the service anew
            _log.exception(REQUEST_BROKE, verb=request.verb, error=str(error))
            return Reply(
                exit_code=1,
                document={"error": f"the service could not carry out {request.verb}: {error!r}", "hint": ""},
            )

    def _is_stale(self, request: Request) -> bool:
        # See Note [Requests nobody waits for].
        return (self._house.clock.now() - request.at).total_seconds() > ANSWER_WAIT_MAX_S

    def _finish(self, number: int, reply: Reply) -> None:
        self._house.history.finish_request(number, reply.exit_code, reply.document)


def _together(parts: Sequence[RunReport]) -> RunReport:
    """Return the report of runs that went on with one another, as if they were one."""
    *before, last = parts
    done = [result for part in before for result in part.results if result.error != STOPPED]
    return replace(
        last,
        first_plan=parts[0].first_plan,
        duration_ms=sum(part.duration_ms for part in parts),
        results=(*done, *last.results),
        reverts=tuple(news for part in parts for news in part.reverts),
    )
