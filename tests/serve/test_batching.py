"""Posts of many requests are computed together, fairly, and in bounded number."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from riskclf.labels import Prediction
from riskclf.serve.batching import Batcher, QueueFull


class Work:
    """Computes when the gate is open; a prediction says which post it is of."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.told: list[int] = []

    def __call__(self, posts: list[str]) -> list[Prediction]:
        self.batches.append(posts)
        assert self.gate.wait(10)
        if "bad" in posts:
            raise ValueError
        return [Prediction(post, {}, 0.0, "clear", False) for post in posts]


def run(
    test: Callable[[Work, Batcher[Prediction]], Awaitable[None]],
    capacity: int = 10_000,
    weight: int = 1,
) -> None:
    async def main() -> None:
        work, thread = Work(), ThreadPoolExecutor(1)
        batcher = Batcher(
            work,
            thread,
            capacity=capacity,
            tell=lambda posts, _: work.told.append(posts),
            weight=weight,
        )
        batcher.start()
        try:
            await test(work, batcher)
        finally:
            work.gate.set()
            await batcher.stop()

    asyncio.run(main())


async def ask(batcher: Batcher[Prediction], posts: list[str]) -> list[str]:
    return [prediction.label for prediction in await batcher.results(posts)]


async def hold(work: Work, batcher: Batcher[Prediction]) -> asyncio.Task[list[str]]:
    """Close the gate behind a first request, so that all later ones wait."""
    work.gate.clear()
    first = asyncio.create_task(ask(batcher, ["first"]))
    while not work.batches:
        await asyncio.sleep(0.001)
    return first


def test_what_arrives_while_a_batch_is_computed_is_computed_together() -> None:
    async def test(work: Work, batcher: Batcher[Prediction]) -> None:
        first = await hold(work, batcher)
        others = [asyncio.create_task(ask(batcher, [f"{n} a", f"{n} b"])) for n in range(10)]
        await asyncio.sleep(0)
        work.gate.set()
        assert await first == ["first"]
        assert await asyncio.gather(*others) == [[f"{n} a", f"{n} b"] for n in range(10)]
        assert work.told == [1, 20]

    run(test)


def test_a_small_request_does_not_wait_for_all_of_a_large_one() -> None:
    async def test(work: Work, batcher: Batcher[Prediction]) -> None:
        large = [f"large {n}" for n in range(1000)]
        waiting = asyncio.create_task(ask(batcher, large))
        first = await hold(work, batcher)
        small = asyncio.create_task(ask(batcher, ["small"]))
        await asyncio.sleep(0)
        work.gate.set()
        assert await small == ["small"] and not waiting.done()
        assert await waiting == large and await first == ["first"]
        assert max(map(len, work.batches)) < 300

    run(test)


def test_long_posts_make_smaller_batches() -> None:
    async def test(work: Work, batcher: Batcher[Prediction]) -> None:
        posts = [f"{n}" + "a" * 8000 for n in range(20)]
        assert await ask(batcher, posts) == posts
        assert max(map(len, work.batches)) < 10

    run(test)


def test_a_full_queue_refuses_and_takes_posts_again_when_it_is_empty() -> None:
    async def test(work: Work, batcher: Batcher[Prediction]) -> None:
        first = await hold(work, batcher)
        with pytest.raises(QueueFull):  # nothing waits, but something is computed
            await batcher.results(["much"] * 10)
        second = asyncio.create_task(ask(batcher, ["second"] * 8))
        await asyncio.sleep(0)
        assert batcher.is_ready
        with pytest.raises(QueueFull) as refused:
            await batcher.results(["third"] * 2)
        assert refused.value.retry_after >= 1
        with pytest.raises(QueueFull):
            await batcher.results(["x" * 500])  # counts as three
        third = asyncio.create_task(ask(batcher, ["third"]))
        await asyncio.sleep(0)
        assert not batcher.is_ready
        work.gate.set()
        assert len(await first + await second + await third) == 10
        assert batcher.waiting == 0
        assert len(await ask(batcher, ["alone"] * 50)) == 50  # nothing waits: it is taken

    run(test, capacity=10)


def test_what_nobody_waits_for_is_not_computed() -> None:
    async def test(work: Work, batcher: Batcher[Prediction]) -> None:
        first = await hold(work, batcher)
        left = asyncio.create_task(ask(batcher, ["left"]))
        stays = asyncio.create_task(ask(batcher, ["stays"]))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.wait({left})
        assert batcher.waiting == 2
        work.gate.set()
        assert await first == ["first"] and await stays == ["stays"]
        assert work.batches == [["first"], ["stays"]]

    run(test)


def test_an_error_reaches_the_caller_and_the_next_request_is_computed() -> None:
    async def test(work: Work, batcher: Batcher[Prediction]) -> None:
        with pytest.raises(ValueError):
            await batcher.results(["bad"])
        assert await ask(batcher, ["good"]) == ["good"]
        assert await ask(batcher, []) == []
        assert batcher.waiting == 0

    run(test)


def test_posts_that_cost_more_are_fewer_in_a_batch_and_in_the_queue() -> None:
    async def test(work: Work, batcher: Batcher[Prediction]) -> None:
        first = await hold(work, batcher)
        waiting = asyncio.create_task(ask(batcher, [str(number) for number in range(12)]))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await batcher.results(["one more"] * 10)
        work.gate.set()
        assert await waiting == [str(number) for number in range(12)]
        await first
        assert max(map(len, work.batches)) < 12

    run(test, capacity=1_000, weight=50)
