"""Who carries work out: threads, a few per host, or, in a simulation, nobody but the caller.

Note [Lanes]
Each host is a lane with threads of its own, so that a host that hangs holds up nothing but itself.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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


class ThreadWorkers:
    """Real threads."""

    def __init__(self, per_lane_max: int = LANE_WORKERS_MAX) -> None:
        self._per_lane_max = per_lane_max
        self._lock = threading.Lock()
        self._lanes: dict[str, ThreadPoolExecutor] = {}

    def open(self) -> "ThreadBatch":
        """Return a batch of its own."""
        return ThreadBatch(self)

    def lane(self, name: str) -> ThreadPoolExecutor:
        """Return a host's threads."""
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


class ThreadBatch:
    """A batch on threads."""

    def __init__(self, workers: ThreadWorkers) -> None:
        self._workers = workers
        self._done: queue.SimpleQueue[Finished] = queue.SimpleQueue()

    def submit(self, lane: str, token: object, work: Callable[[], object]) -> None:
        """Hand out a piece of work on a lane."""
        claim = threading.Lock()
        try:
            self._workers.lane(lane).submit(self._carry_out, token, work, claim)
        except RuntimeError as error:
            # No thread can be begun.  One that is there may still take the work from the queue: whoever is first has it.
            if claim.acquire(blocking=False):
                trouble = HostUnreachable(
                    f"{lane}: nothing can be asked of it now: {error}",
                    hint="raise the controller's limits on threads and memory",
                )
                self._done.put(Finished(token, error=trouble))

    def _carry_out(self, token: object, work: Callable[[], object], claim: threading.Lock) -> None:
        if not claim.acquire(blocking=False):
            return
        try:
            self._done.put(Finished(token, value=work()))
        except Exception as error:  # noqa: BLE001 - handed to the one who waits, who knows what it means
            self._done.put(Finished(token, error=error))

    def next(self, timeout_s: float) -> Finished | None:
        """Wait for the next piece that ends."""
        try:
            return self._done.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None


class InlineWorkers:
    """No threads: work is done when its result is asked for, in an order that `choose` picks; for simulations.

    `choose` gets the number of pieces that wait, and returns the index of the one to do next.
    """

    def __init__(self, sleep: Callable[[float], None], choose: Callable[[int], int] = lambda _: 0) -> None:
        self.sleep = sleep
        self.choose = choose

    def open(self) -> "InlineBatch":
        """Return a batch of its own."""
        return InlineBatch(self)

    def close(self) -> None:
        """Nothing is held."""


class InlineBatch:
    """A batch that the caller carries out itself."""

    def __init__(self, workers: InlineWorkers) -> None:
        self._workers = workers
        self._waiting: list[tuple[object, Callable[[], object]]] = []

    def submit(self, lane: str, token: object, work: Callable[[], object]) -> None:  # noqa: ARG002 - one lane for all
        """Keep a piece of work for later."""
        self._waiting.append((token, work))

    def next(self, timeout_s: float) -> Finished | None:
        """Do one piece; with none left, let the time pass."""
        if not self._waiting:
            self._workers.sleep(timeout_s)
            return None
        token, work = self._waiting.pop(self._workers.choose(len(self._waiting)))
        try:
            return Finished(token, value=work())
        except Exception as error:  # noqa: BLE001 - as in ThreadBatch
            return Finished(token, error=error)


@dataclass(frozen=True, slots=True)
class Awaited:
    """Until when to wait for answers, and whose: the others' count where they come in the meantime."""

    deadline_s: float
    lanes: frozenset[str]


def gather(
    workers: Workers,
    works: dict[str, Callable[[], object]],
    awaited: Awaited,
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
