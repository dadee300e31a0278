"""Who carries work out: threads, a few per host, or, in a simulation, nobody but the caller.

Note [Lanes]
Each host has lanes with threads of their own (execute/host_queues.py says which), so that a host that hangs holds up nothing but itself,
and what takes long on a host nothing but its like.
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

LANE_WORKERS_MAX = (
    16  # an Engine saturates at about 2 x its cores; waiting for its answers costs us next to nothing
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A piece of work that ended: what it was, and its value or its error."""

    token: object
    value: object = None
    error: Exception | None = None


class Batch(Protocol):
    """Work handed out together; each piece is told once when it has ended."""

    def submit(self, lane: str, token: object, work: Callable[[], object]) -> None:
        """Hand out a piece of work on a lane."""
        ...

    def share(self, lane: str, token: object, work: Callable[[], object], key: Hashable) -> None:
        """Hand out work that another may have handed out under the same key: done once, and told to all who wait for it.

        It goes on where its batch is left, and whoever asks for it next waits for what is under way.
        """
        ...

    def next(self, timeout_s: float) -> Finished | None:
        """Wait for the next piece that ends; None where none does in time."""
        ...


class Workers(Protocol):
    """Opens batches."""

    def open(self) -> Batch:
        """Return a batch of its own: what is left running in it disturbs no other."""
        ...

    def close(self) -> None:
        """Take no more work; what runs may end in the background."""
        ...


Deliver = Callable[[object, Exception | None], None]  # takes the value of a piece of work, or its error


class ThreadWorkers:
    """Real threads."""

    def __init__(self, per_lane_max: int = LANE_WORKERS_MAX) -> None:
        self._per_lane_max = per_lane_max
        self._lock = threading.Lock()
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._shared: dict[Hashable, list[Deliver]] = {}  # under way, with all who wait for each

    def open(self) -> "ThreadBatch":
        """Return a batch of its own."""
        return ThreadBatch(self)

    def run(self, lane: str, work: Callable[[], object], deliver: Deliver) -> None:
        """Do a piece of work on a host's threads, and tell how it ended."""
        claim = threading.Lock()
        try:
            self._lane(lane).submit(_run_work, work, deliver, claim)
        except RuntimeError as error:
            # No thread can be begun.  One that is there may still take the work from the queue: whoever is first has it.
            if claim.acquire(blocking=False):
                trouble = HostUnreachable(
                    f"{lane}: nothing can be asked of it now: {error}",
                    hint="raise the controller's limits on threads and memory",
                )
                deliver(None, trouble)

    def share(self, lane: str, work: Callable[[], object], key: Hashable, deliver: Deliver) -> None:
        """Do it once for all who ask before it has ended."""
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
        """Take no more work; calls under way end by their own deadlines."""
        with self._lock:
            for lane in self._lanes.values():
                lane.shutdown(wait=False, cancel_futures=True)
            self._lanes.clear()


def _run_work(work: Callable[[], object], deliver: Deliver, claim: threading.Lock) -> None:
    if not claim.acquire(blocking=False):
        return
    try:
        value = work()
    except Exception as error:  # noqa: BLE001 - handed to the one who waits, who knows what it means
        deliver(None, error)
    else:
        deliver(value, None)


class ThreadBatch:
    """A batch on threads."""

    def __init__(self, workers: ThreadWorkers) -> None:
        self._workers = workers
        self._done: queue.SimpleQueue[Finished] = queue.SimpleQueue()

    def submit(self, lane: str, token: object, work: Callable[[], object]) -> None:
        """Hand out a piece of work on a lane."""
        self._workers.run(lane, work, partial(self._end, token))

    def share(self, lane: str, token: object, work: Callable[[], object], key: Hashable) -> None:
        """Hand out work that another may have handed out."""
        self._workers.share(lane, work, key, partial(self._end, token))

    def _end(self, token: object, value: object, error: Exception | None) -> None:
        self._done.put(Finished(token, value, error))

    def next(self, timeout_s: float) -> Finished | None:
        """Wait for the next piece that ends."""
        try:
            return self._done.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None


@dataclass(slots=True, eq=False)
class _Work:
    """Work that waits for its turn, and who hears of its end."""

    work: Callable[[], object]
    listeners: list[tuple["InlineBatch", object]]
    key: Hashable = None  # None: it is one batch's own


class InlineWorkers:
    """No threads: work is done when a result is asked for, in an order that `choose` picks; for simulations.

    `choose` gets the number of pieces that wait, and returns the index of the one to do next.
    """

    def __init__(self, sleep: Callable[[float], None], choose: Callable[[int], int] = lambda _: 0) -> None:
        self.sleep = sleep
        self.choose = choose
        self.shared: list[_Work] = []

    def open(self) -> "InlineBatch":
        """Return a batch of its own."""
        return InlineBatch(self)

    def close(self) -> None:
        """Nothing is held."""


class InlineBatch:
    """A batch that the caller carries out itself, with what was left under way before."""

    def __init__(self, workers: InlineWorkers) -> None:
        self._workers = workers
        self._own: list[_Work] = []
        self._ended: deque[Finished] = deque()

    def submit(self, lane: str, token: object, work: Callable[[], object]) -> None:  # noqa: ARG002 - one lane for all
        """Keep a piece of work for later."""
        self._own.append(_Work(work, [(self, token)]))

    def share(self, lane: str, token: object, work: Callable[[], object], key: Hashable) -> None:  # noqa: ARG002 - as above
        """Keep a piece of work that another may keep already."""
        for piece in self._workers.shared:
            if piece.key == key:
                piece.listeners.append((self, token))
                return
        self._workers.shared.append(_Work(work, [(self, token)], key))

    def next(self, timeout_s: float) -> Finished | None:
        """Do one piece; with none left, let the time pass."""
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
    """Until when to wait for answers, and whose: the others' count where they come in the meantime."""

    deadline_s: float
    lanes: frozenset[str]


def gather(
    workers: Workers,
    works: dict[str, Callable[[], object]],
    awaited: AnswerLimits,
    monotonic_s: Callable[[], float],
) -> dict[str, Finished]:
    """Do one piece of work per lane, all at once; what was not waited for, or has not ended in time, is absent."""
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
