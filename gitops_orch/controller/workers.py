"""Runs work on threads, a few for each host; in a simulation, the caller does the work itself.

Note [Lanes]
Each host has several lanes, and each lane has its own threads (execute/host_queues.py chooses the lane). A host that
hangs therefore delays only itself, and slow work delays only other work of its lane.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from gitops_orch.errors import HostUnreachable

# An Engine is saturated at about 2 x its cores. Threads that wait for its answers cost almost nothing.
LANE_WORKERS_MAX = 16


@dataclass(frozen=True, slots=True)
class Finished:
    """A piece of work that ended: its token, and its value or its error."""

    token: object
    value: object = None
    error: Exception | None = None


class Batch(Protocol):
    """Work that is submitted together. Each piece is reported once, when it has ended."""

    def submit(self, lane: str, token: object, work: Callable[[], object]) -> None:
        """Submit a piece of work to a lane."""
        ...

    def share(self, lane: str, token: object, work: Callable[[], object], key: Hashable) -> None:
        """Submit work that another batch may have submitted with the same key.

        It runs once, and all who wait get its result.

        It continues when its batch is abandoned. A later caller with the same key waits for the same work.
        """
        ...

    def next(self, timeout_s: float) -> Finished | None:
        """Wait for the next piece that ends; None if none ends in time."""
        ...


class Workers(Protocol):
    """Opens batches."""

    def open(self) -> Batch:
        """Return a separate batch: work that still runs in it does not affect other batches."""
        ...

    def close(self) -> None:
        """Accept no more work. Work that runs may end in the background."""
        ...


# Receives the value of a piece of work, or its error.
Deliver = Callable[[object, Exception | None], None]


class ThreadWorkers:
    """Workers on real threads."""

    def __init__(self, per_lane_max: int = LANE_WORKERS_MAX) -> None:
        self._per_lane_max = per_lane_max
        self._lock = threading.Lock()
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        # Shared work that is running, with everyone who waits for it.
        self._shared: dict[Hashable, list[Deliver]] = {}

    def open(self) -> "ThreadBatch":
        """Return a separate batch."""
        return ThreadBatch(self)

    def run(self, lane: str, work: Callable[[], object], deliver: Deliver) -> None:
        """Run a piece of work on the lane's threads, and deliver its value or error."""
        claim = threading.Lock()
        try:
            self._lane(lane).submit(_run_work, work, deliver, claim)
        except RuntimeError as error:
            # No new thread can be started. An existing thread may still take the work from the queue: the first to
            # claim it wins.
            if claim.acquire(blocking=False):
                trouble = HostUnreachable(
                    f"{lane}: nothing can be asked of it now: {error}",
                    hint="raise the controller's limits on threads and memory",
                )
                deliver(None, trouble)

    def share(self, lane: str, work: Callable[[], object], key: Hashable, deliver: Deliver) -> None:
        """Run work once for all callers that ask before it has ended."""
        with self._lock:
            waiting = self._shared.setdefault(key, [])
            first = not waiting
            waiting.append(deliver)
        if first:
            self.run(lane, work, partial(self._deliver_all, key))

    def _deliver_all(self, key: Hashable, value: object, error: Exception | None) -> None:
        with self._lock:
            waiting = self._shared.pop(key)
        for deliver in waiting:
            deliver(value, error)

    def _lane(self, name: str) -> ThreadPoolExecutor:
        with self._lock:
            if name not in self._lanes:
                self._lanes[name] = ThreadPoolExecutor(self._per_lane_max, thread_name_prefix=f"host-{name}")
            return self._lanes[name]

    def close(self) -> None:
        """Accept no more work. Calls that run end by their own deadlines."""
        with self._lock:
            for lane in self._lanes.values():
                lane.shutdown(wait=False, cancel_futures=True)
            self._lanes.clear()


def _run_work(work: Callable[[], object], deliver: Deliver, claim: threading.Lock) -> None:
    if not claim.acquire(blocking=False):
        return
    try:
        value = work()
    except Exception as error:  # noqa: BLE001 - delivered to the caller that waits, which knows what it means
        deliver(None, error)
    else:
        deliver(value, None)


class ThreadBatch:
    """A batch on threads."""

    def __init__(self, workers: ThreadWorkers) -> None:
        self._workers = workers
        self._done: queue.SimpleQueue[Finished] = queue.SimpleQueue()

    def submit(self, lane: str, token: object, work: Callable[[], object]) -> None:
        """Submit a piece of work to a lane."""
        self._workers.run(lane, work, partial(self._end, token))

    def share(self, lane: str, token: object, work: Callable[[], object], key: Hashable) -> None:
        """Submit work that others may have submitted with the same key."""
        self._workers.share(lane, work, key, partial(self._end, token))

    def _end(self, token: object, value: object, error: Exception | None) -> None:
        self._done.put(Finished(token, value, error))

    def next(self, timeout_s: float) -> Finished | None:
        """Wait for the next piece that ends; None if none ends in time."""
        try:
            return self._done.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None


@dataclass(slots=True, eq=False)
class _Work:
    """Work that has not run yet, and the batches that wait for its result."""

    work: Callable[[], object]
    listeners: list[tuple["InlineBatch", object]]
    # None: the work belongs to one batch only.
    key: Hashable = None


class InlineWorkers:
    """Workers without threads, for simulations: work runs when a result is asked for. `choose` decides the order.

    `choose` gets the number of pieces that wait, and returns the index of the piece to run next.
    """

    def __init__(self, sleep: Callable[[float], None], choose: Callable[[int], int] = lambda _: 0) -> None:
        self.sleep = sleep
        self.choose = choose
        self.shared: list[_Work] = []

    def open(self) -> "InlineBatch":
        """Return a separate batch."""
        return InlineBatch(self)

    def close(self) -> None:
        """There is nothing to close."""


class InlineBatch:
    """A batch whose work the caller runs itself, together with shared work that earlier batches submitted."""

    def __init__(self, workers: InlineWorkers) -> None:
        self._workers = workers
        self._own: list[_Work] = []
        self._ended: deque[Finished] = deque()

    def submit(self, lane: str, token: object, work: Callable[[], object]) -> None:  # noqa: ARG002 - one lane for all
        """Keep a piece of work for later."""
        self._own.append(_Work(work, [(self, token)]))

    def share(self, lane: str, token: object, work: Callable[[], object], key: Hashable) -> None:  # noqa: ARG002 - as above
        """Keep a piece of shared work, or join the same work if it is kept already."""
        for piece in self._workers.shared:
            if piece.key == key:
                piece.listeners.append((self, token))
                return
        self._workers.shared.append(_Work(work, [(self, token)], key))

    def next(self, timeout_s: float) -> Finished | None:
        """Run pieces until one of this batch has ended, and return it. If there is no work, sleep for `timeout_s`."""
        shared = self._workers.shared
        while not self._ended:
            waiting = [*shared, *self._own]
            if not waiting:
                self._workers.sleep(timeout_s)
                return None
            piece = waiting[self._workers.choose(len(waiting))]
            (self._own if piece.key is None else shared).remove(piece)
            self._do(piece)
        return self._ended.popleft()

    @staticmethod
    def _do(piece: _Work) -> None:
        value, failure = None, None
        try:
            value = piece.work()
        except Exception as error:  # noqa: BLE001 - as with threads
            failure = error
        for batch, token in piece.listeners:
            batch._ended.append(Finished(token, value, failure))  # noqa: SLF001 - a batch of the same workers


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How long to wait for answers, and for which lanes. Answers of other lanes are used if they arrive meanwhile."""

    deadline_s: float
    lanes: frozenset[str]


def gather(
    workers: Workers,
    works: dict[str, Callable[[], object]],
    awaited: AnswerLimits,
    monotonic_s: Callable[[], float],
) -> dict[str, Finished]:
    """Run one piece of work for each lane, all at once.

    Results that were not waited for, or not ready in time, are absent.
    """
    batch = workers.open()
    results: dict[str, Finished] = {}
    for lane, work in works.items():
        batch.submit(lane, lane, work)
    until = monotonic_s() + awaited.deadline_s
    while awaited.lanes - results.keys() and (left := until - monotonic_s()) > 0:
        finished = batch.next(left)
        if finished is not None:
            results[str(finished.token)] = finished
    return results
