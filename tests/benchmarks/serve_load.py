"""Load on `riskclf serve`: posts per second, latency, and whether every answer is in its place.

::

    python -m tests.benchmarks.serve_load

Natural lines, or our own posts with a number behind each so that no two are equal, are labelled
once by `predict_many` in this process and then asked of a service in another one, from many clients
at once. Service and clients share the computer's cores. Nothing of a post is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import IO

import httpx2
import numpy as np

from riskclf import RiskClassifier
from training.posts.corpora import Corpora
from training.posts.post import load_posts

# Two engines, or two batches, may differ by this much in the risk of the same post.
TOLERANCE = 0.005

Labelled = tuple[list[str], list[float]]


@dataclass
class Measured:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--posts", type=int, default=30_000)
    parser.add_argument("--batch", type=int, default=32, help="Posts in a request.")
    parser.add_argument("--model", help="Default: the packaged model.")
    parser.add_argument("--corpora", type=Path, help="Ask of natural lines in place of ours.")
    parser.add_argument("--cascade", action="store_true", help="See riskclf serve.")
    options = parser.parse_args(arguments)

    if options.corpora:
        sources = Corpora.load(options.corpora).of("heldout")
        texts = sorted({line for source in sources for line in source.lines()})
        random.Random(0).shuffle(texts)
        texts = texts[: options.posts]
    else:
        ours = cycle(post.text for post in load_posts())
        texts = [f"{text} {number}" for number, text in enumerate(islice(ours, options.posts))]
    classifier = RiskClassifier.load(options.model, cascade=options.cascade)
    classifier.predict_many(texts[:500])  # warm up
    before = time.perf_counter()
    risks = [prediction.risk for prediction in classifier.predict_many(texts)]
    alone = len(texts) / (time.perf_counter() - before)

    starts = range(0, len(texts), options.batch)
    requests = [(texts[x : x + options.batch], risks[x : x + options.batch]) for x in starts]
    command = [sys.executable, "-c", "from riskclf.cli import main; main()", "serve", "--port", "0"]
    if options.model:
        command += ["--model", options.model]
    if options.cascade:
        command += ["--cascade"]
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(command, stderr=log) as service:
        try:
            url = _address(service, log)
            asyncio.run(_ask_all(url, requests[:20], 4))  # warm up
            before = time.perf_counter()
            measured = asyncio.run(_ask_all(url, requests, options.clients))
            wall = time.perf_counter() - before
        finally:
            service.terminate()

    counts = measured.counts
    p50, p99 = np.percentile(measured.seconds, (50, 99))
    print(f"{options.clients} clients, {options.batch} posts a request, {len(texts):,} posts")
    print(f"posts/s             {counts['right'] / wall:,.0f}")
    print(f"predict_many alone  {alone:,.0f} posts/s ({counts['right'] / wall / alone:.0%})")
    print(f"request p50         {p50 * 1000:,.0f} ms")
    print(f"request p99         {p99 * 1000:,.0f} ms")
    print(f"lost                {len(texts) - counts['right'] - counts['wrong']:,}")
    print(f"misordered or wrong {counts['wrong']:,}")
    print(f"429, asked again    {counts['429']:,}")


def _address(service: subprocess.Popen[bytes], log: IO[str]) -> str:
    """Where it listens, once it does."""
    while service.poll() is None:
        time.sleep(0.1)
        written = os.pread(log.fileno(), 10_000, 0).decode()
        found = re.search(r"listening on (http://[\d.:]+)", written)
        if found and "startup complete" in written:
            return found[1]
    raise SystemExit("riskclf serve did not start")


async def _ask_all(url: str, requests: Sequence[Labelled], clients: int) -> Measured:
    measured = Measured()
    waiting = list(reversed(requests))
    await asyncio.gather(*(_client(url, waiting, measured) for _ in range(clients)))
    return measured


async def _client(url: str, waiting: list[Labelled], measured: Measured) -> None:
    async with httpx2.AsyncClient(base_url=url, timeout=120, verify=False) as client:
        while waiting:
            texts, risks = waiting.pop()
            while True:
                before = time.perf_counter()
                answer = await client.post("/v1/predict", json={"text": texts})
                if answer.status_code != 429:
                    break
                measured.counts["429"] += 1
                await asyncio.sleep(int(answer.headers["retry-after"]))
            measured.seconds.append(time.perf_counter() - before)
            if answer.status_code == 200:
                found = [x["risk"] for x in answer.json()["predictions"]]
                for one, other in zip(found, risks, strict=False):
                    is_right = abs(one - other) <= TOLERANCE
                    measured.counts["right" if is_right else "wrong"] += 1


if __name__ == "__main__":
    main()
