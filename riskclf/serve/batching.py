"""Computes the posts of all requests together, and refuses what would wait too long.

While one batch is computed, requests arrive; the next batch is made of what is there then. So a
lone request does not wait for others, and many requests are computed as few batches. A request of
many posts is computed in slices, in turn with the others: it does not hold up small ones.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from riskclf.errors import RiskclfError

__all__ = ["Batcher", "QueueFull"]

# In posts, as `_cost` counts them.
_BATCH = 256
_SLICE = 32

_CHARACTERS = 200

T = TypeVar("T")


class QueueFull(RiskclfError):
    """Too many posts wait already."""

    def __init__(self, retry_after: int) -> None:
        """`retry_after`: seconds after which to ask again."""
        super().__init__("too many posts are waiting; ask again later")
        self.retry_after = retry_after


@dataclass(eq=False, slots=True)
class _Job(Generic[T]):
    """The posts of one request."""

    posts: list[str]
    weight: int
    answer: asyncio.Future[list[T]]
    since: float
    taken: int = 0
    found: list[T] = field(default_factory=list)

    def take(self) -> tuple[list[str], int]:
        """The next slice, and its cost."""
        first, cost = self.taken, 0
        while self.taken < len(self.posts) and cost < _SLICE:
            cost += self.weight * _cost(self.posts[self.taken])
            self.taken += 1
        return self.posts[first : self.taken], cost


class Batcher(Generic[T]):
    """Hands posts to a thread that computes them, in batches across requests."""

    def __init__(
        self,
        compute: Callable[[list[str]], list[T]],
        thread: ThreadPoolExecutor,
        *,
        capacity: int,
        tell: Callable[[int, float], None],
        weight: int = 1,
    ) -> None:
        """Nothing is computed before `start`.

        Args:
            compute: gives a result for each post, in their order.
            thread: where it is called; of one worker, which several batchers may share, so that
                they do not compete for the cores.
            capacity: posts that may wait or be computed, 1 or more. A long post counts as one for
                each 200 characters. A request that alone is larger is taken if nothing waits.
            tell: called after each batch with its number of posts and seconds.
            weight: what a post costs, in posts that are only labelled.
        """
        self._compute, self._capacity, self._tell = compute, capacity, tell
        self._weight = weight
        self._jobs: deque[_Job[T]] = deque()
        self._arrived = asyncio.Event()
        self._thread = thread
        self._worker: asyncio.Task[None] | None = None
        self.waiting = 0
        """Cost of the posts that wait or are computed."""

    @property
    def is_ready(self) -> bool:
        """Whether further posts are taken."""
        return self._worker is not None and self.waiting < self._capacity

    def start(self) -> None:
        """Begin to compute; called in the running event loop."""
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Compute nothing more; requests that wait are cancelled."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker
        for job in self._jobs:
            job.answer.cancel()

    async def results(self, posts: list[str]) -> list[T]:
        """The results of posts, in their order.

        When the caller is cancelled, what is left is not computed.

        Raises:
            QueueFull: too many posts wait already.
            Exception: whatever `compute` raised.
        """
        if not posts:
            return []
        cost = self._weight * sum(map(_cost, posts))
        if self.waiting and self.waiting + cost > self._capacity:
            raise QueueFull(self._delay())
        answer: asyncio.Future[list[T]] = asyncio.get_running_loop().create_future()
        job = _Job(posts, self._weight, answer, time.monotonic())
        self._jobs.append(job)
        self.waiting += cost
        self._arrived.set()
        try:
            return await job.answer
        finally:
            self.waiting -= cost

    def _delay(self) -> int:
        """Seconds that the request at the head of the queue has waited, 1 or more."""
        waited = time.monotonic() - self._jobs[0].since if self._jobs else 0.0
        return max(1, math.ceil(waited))

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = self._next_batch()
            if not batch:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            posts = [post for _, part in batch for post in part]
            before = time.perf_counter()
            try:
                found = iter(await loop.run_in_executor(self._thread, self._compute, posts))
            except Exception as error:
                for job, _ in batch:
                    if not job.answer.done():
                        job.answer.set_exception(error)
                continue
            self._tell(len(posts), time.perf_counter() - before)
            for job, part in batch:
                job.found += islice(found, len(part))
                if len(job.found) == len(job.posts) and not job.answer.done():
                    job.answer.set_result(job.found)

    def _next_batch(self) -> list[tuple[_Job[T], list[str]]]:
        batch: list[tuple[_Job[T], list[str]]] = []
        room = _BATCH
        while room > 0 and self._jobs:
            job = self._jobs.popleft()
            if job.answer.done():  # nobody waits for it any more
                continue
            part, cost = job.take()
            batch.append((job, part))
            room -= cost
            if job.taken < len(job.posts):
                self._jobs.append(job)
        return batch


def _cost(post: str) -> int:
    return 1 + len(post) // _CHARACTERS
