"""How fast riskclf is, against other ways to do the same, in one run on one machine.

``python -m tests.benchmarks.performance`` measures the packaged model, and further directories of
the same model with other engine files (`riskclf optimize`), and writes the tables of
`docs/performance.md` and its plot. It takes some ten minutes of an idle machine with two cores.
Nothing else may compute beside it: the rates are of real seconds.
"""

from __future__ import annotations

import os
import platform
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import typer
from matplotlib.figure import Figure

from riskclf import RiskClassifier
from riskclf.bert import read_config
from riskclf.decide import windows_read
from riskclf.hub import locate
from riskclf.manifest import read_manifest_json
from tests.benchmarks import contestants as ways
from tests.benchmarks import machine
from training.command import run_command
from training.posts.corpora import Corpora
from training.posts.post import load_posts

__all__ = ["PAGE", "main", "write_parts"]

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"

NEEDED = 1_160
"""Posts a second: 100 million a day."""

_ROUNDS = 3
_SEED = 20261127
_BATCHES = (8, 32, 64)
_LENGTHS = (5, 50, 500, 5_000)
_ALONE = 50
_NATURAL = 4_096
_SLOW = 0.25
"""Share of the posts that what computes them one by one is measured on."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    rate: float
    """Posts a second."""
    cpu: float
    """CPU seconds for a million posts."""


def _drawn(count: int) -> tuple[list[str], list[str]]:
    """So many different posts of ours in random order, and the likeliest label of each."""
    posts = {post.text: max(post.target, key=lambda x: post.target[x]) for post in load_posts()}
    texts = random.Random(_SEED).sample(sorted(posts), min(count, len(posts)))
    return texts, [posts[text] for text in texts]


def _compared(directories: Sequence[Path], texts: list[str], labels: list[str]) -> list[Row]:
    directory = directories[0]
    few = texts[: max(1, int(len(texts) * _SLOW))]
    with TemporaryDirectory() as place:
        alone = ways.pipeline(directory, 1)
        trials = [ways.pipeline(directory, size) for size in _BATCHES]
        seconds = [found for found, _ in machine.in_turn([partial(x, few) for x in trials], 1)]
        best = _BATCHES[seconds.index(min(seconds))]
        entries: list[tuple[str, ways.Contestant, Sequence[str]]] = [
            ("`transformers.pipeline`, one by one", alone, few),
            (f"the same, batches of {best}, the best size", ways.pipeline(directory, best), texts),
            ("the same, sorted by length", ways.pipeline(directory, best, True), texts),
            (
                "sentence-transformers and a logistic regression, as SetFit serves",
                ways.sentence_vectors(directory, texts, labels),
                texts,
            ),
            (
                "ONNX Runtime, int8",
                ways.in_onnx_runtime(directory, Path(place), torch.get_num_threads()),
                texts,
            ),
            ("TF-IDF and a logistic regression", ways.tf_idf(texts, labels), texts),
            ("**riskclf, PyTorch**", ways.riskclf(directory, "pytorch"), texts),
            *(
                (f"**riskclf, OpenVINO {precision}**", ways.riskclf(found, "openvino"), texts)
                for found in directories
                if (precision := _precision(found))
            ),
        ]
        taken = machine.in_turn([partial(way, given) for _, way, given in entries], _ROUNDS)
    return [
        Row(what, len(given) / seconds, cpu / len(given) * 1e6)
        for (what, _, given), (seconds, cpu) in zip(entries, taken, strict=True)
    ]


def _rounding(directory: Path, texts: Sequence[str]) -> str:
    """How many labels ONNX Runtime's 8 bits change."""
    exact = ways.pipeline(directory, _BATCHES[0])(texts)
    with TemporaryDirectory() as place:
        rounded = ways.in_onnx_runtime(directory, Path(place), torch.get_num_threads())
        together = rounded(texts)
        alone = [rounded([text])[0] for text in texts]

    def changed(one: Sequence[str], other: Sequence[str]) -> int:
        return sum(x != y for x, y in zip(one, other, strict=True))

    return (
        f"Of {len(texts)} posts, the transformer alone gives {changed(exact, together)} another "
        "label in ONNX Runtime's 8 bits than in `transformers.pipeline`; and "
        f"{changed(alone, together)} labels change there when computed one by one."
    )


def _cascade(directory: Path, corpora: Path) -> str:
    """How much faster natural lines are read with the first stage."""
    lines = [line for source in Corpora.load(corpora).of("heldout") for line in source.lines()]
    random.Random(_SEED).shuffle(lines)
    lines = lines[:_NATURAL]
    ways = [RiskClassifier.load(directory, device="cpu", cascade=x) for x in (False, True)]
    (full, _), (staged, cpu) = machine.in_turn(
        [partial(way.predict_many, lines) for way in ways], _ROUNDS
    )
    tokens = sum(
        len(window.ids)
        for encoding in ways[0]._artifact.tokenizer.encode_batch(lines)
        for window in encoding.windows
    )
    return (
        f"{len(lines):,} held-out natural lines, {tokens / len(lines):.0f} tokens on average in "
        f"all windows: {len(lines) / full:,.0f} posts/s without, {len(lines) / staged:,.0f} with "
        f"the cascade ({full / staged:.1f} times; {cpu / len(lines) * 1e6:,.0f} CPU seconds for a "
        f"million). That is {len(lines) / staged / NEEDED:.0%} of {NEEDED:,} posts a second."
    )


def _precision(directory: Path) -> str:
    """Of the files that a model has for OpenVINO; empty where it has none."""
    engines = read_manifest_json(directory).get("engines", {})
    return str(engines["openvino"]["precision"]) if "openvino" in engines else ""


def _table(rows: Sequence[Row]) -> list[str]:
    first, best = rows[0].rate, rows[1].rate
    return [
        "| what | posts/s | times the first | times the second | CPU s for a million posts |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {x.what} | {x.rate:,.0f} | {x.rate / first:.1f} | {x.rate / best:.1f} | "
            f"{x.cpu:,.0f} |"
            for x in rows
        ),
    ]


def _operations(directory: Path, tokens: int, posts: int) -> float:
    """Multiplications and additions of the transformer's layers for a post of so many tokens."""
    config = read_config(directory)
    width, inner = config["hidden_size"], config["intermediate_size"]
    mean = tokens / posts
    products = 4 * width * width + 2 * width * inner  # weights of a layer
    return float(2 * config["num_hidden_layers"] * mean * (products + 2 * mean * width))


def _share(row: Row, operations: float) -> str:
    """What part of the machine's measured peak a row of the table reaches."""
    precision = "int8" if "int8" in row.what else "f32"
    peak = machine.int8_peak() if precision == "int8" else machine.peak()
    return (
        f"{row.rate * operations / peak:.0%} of the {peak / 1e9:,.0f} billion operations a second "
        f"that products of large matrices reach here in {precision}, all experts and the "
        "tokenizer included, padding not counted"
    )


def _beside(classifier: RiskClassifier, texts: Sequence[str], windows: Sequence[list[int]]) -> str:
    """What part of the work is not the transformer's."""
    engine = classifier._artifact.engine
    works: list[Callable[[], object]] = [
        lambda: engine.compute(windows),
        lambda: classifier.predict_many(texts),
    ]
    (_, alone), (_, everything) = machine.in_turn(works, _ROUNDS)
    return f"{1 - alone / everything:.0%}"


def _lengths(classifier: RiskClassifier, texts: Sequence[str]) -> list[str]:
    """How the rate falls with the length of a post."""
    lines = ["| characters of a post | posts/s | characters/s |", "| --- | --- | --- |"]
    ends = "".join(texts)
    for length in (x for x in _LENGTHS if x <= len(ends)):
        count = max(8, min(512, 50_000 // length))
        posts = [
            ends[n * length : (n + 1) * length] for n in range(min(count, len(ends) // length))
        ]
        ((seconds, _),) = machine.in_turn([lambda posts=posts: classifier.predict_many(posts)], 3)  # type: ignore[misc]
        lines.append(
            f"| {length:,} | {len(posts) / seconds:,.0f} | {len(posts) * length / seconds:,.0f} |"
        )
    return lines


def _numbers(classifier: RiskClassifier, counts: Sequence[int]) -> list[str]:
    """How the rate changes with the number of posts."""
    lines = ["| posts | posts/s |", "| --- | --- |"]
    for count in counts:
        before = time.perf_counter()
        classifier.predict_many(machine.numbered(count))
        seconds = time.perf_counter() - before
        lines.append(f"| {count:,} | {count / seconds:,.0f} |")
    return lines


def _memory(directory: Path, counts: Sequence[int]) -> list[str]:
    lines = [
        "| posts streamed | MB before the first | MB at most |",
        "| --- | --- | --- |",
    ]
    with TemporaryDirectory() as place:
        small = machine.small_model(directory, Path(place) / "small")
        for count in counts:
            before, most = machine.memory(small, count)
            lines.append(f"| {count:,} | {before:,.0f} | {most:,.0f} |")
        before, most = machine.memory(directory, counts[0] // 10)
        lines.append(f"| {counts[0] // 10:,}, the model itself | {before:,.0f} | {most:,.0f} |")
    return lines


def _plot(rows: Sequence[Row], file: Path) -> None:
    figure = Figure(figsize=(7.2, 0.42 * len(rows) + 1.1), layout="constrained")
    axes = figure.add_subplot()
    names = [row.what.replace("`", "").replace("**", "") for row in rows]
    colours = ["#1f5fa8" if "**" in row.what else "#9aa5b1" for row in rows]
    bars = axes.barh(names, [row.rate for row in rows], color=colours)
    axes.bar_label(bars, labels=[f"{row.rate:,.0f}" for row in rows], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_xlabel("posts a second, logarithmic")
    axes.axvline(NEEDED, color="#c2571a", linestyle="--", linewidth=1)
    axes.set_title(f"Dashed: {NEEDED:,} posts a second, 100 million a day", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    # The same figures, the same bytes.
    metadata: dict[str, Any] = {"Software": None}
    figure.savefig(file, dpi=130, metadata=metadata)


def _where() -> str:
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    versions = ", ".join(
        f"{name} {metadata.version(name)}"
        for name in ("torch", "transformers", "openvino", "onnxruntime", "sentence-transformers")
    )
    return (
        f"{os.cpu_count()} cores of {cpu[1] if cpu else platform.machine()}, "
        f"{torch.get_num_threads()} threads; {versions}"
    )


def write_parts(parts: Mapping[str, Sequence[str]], page: Path = PAGE) -> None:
    """Fill the parts of a page that lie between `<!-- NAME -->` and `<!-- /NAME -->`."""
    text = page.read_text(encoding="utf-8")
    for name, lines in parts.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{page} has no place for {name}")
        text = before + "\n".join((start, *lines, end)) + after
    page.write_text(text, encoding="utf-8")


def main(
    corpora: Annotated[
        Path | None, typer.Option(help="Public corpora: measures the cascade on natural lines.")
    ] = None,
    also: Annotated[
        list[Path] | None,
        typer.Option(help="The same model with other engine files; may be repeated."),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Default: the packaged model.")] = None,
    posts: Annotated[int, typer.Option(help="Posts that the ways are compared on.")] = 768,
    most: Annotated[int, typer.Option(help="Posts that memory is measured on.")] = 1_000_000,
    page: Annotated[Path, typer.Option(help="Page to write into; the plot lies beside.")] = PAGE,
) -> None:
    """Measure everything and write it into the page."""
    directories = [locate(model, ()), *(also or ())]
    texts, labels = _drawn(posts)
    classifier = RiskClassifier.load(directories[0], device="cpu")
    encodings = classifier._artifact.tokenizer.encode_batch(texts)
    read = windows_read(encodings, classifier._artifact.manifest)
    windows = [window.ids for found in read for window in found]
    tokens = sum(map(len, windows))
    rows = _compared(directories, texts, labels)
    operations = _operations(directories[0], tokens, len(texts))
    ours = [row for row in rows if "**" in row.what]
    fastest = max(ours, key=lambda row: row.rate)
    name = classifier.info()["engine"]
    shell, loading = machine.start(directories[0])
    one = machine.single(directories[0], texts[:_ALONE])
    counts = [x for x in (10_000, 100_000, 1_000_000) if x <= most] or [most]
    write_parts(
        {
            "setting": [
                f"{len(texts):,} posts of ours, no two alike, {tokens / len(texts):.0f} tokens on "
                f"average; medians of {_ROUNDS} rounds, each way in turn. {_where()}."
            ],
            "speed": [
                f"![Posts a second, on a logarithmic scale]({page.with_suffix('.png').name})",
                "",
                *_table(rows),
            ],
            "fastest": [
                f"- The fastest, {fastest.what.strip('*')}: {fastest.rate:,.0f} posts/s, "
                f"{fastest.rate / ours[0].rate:.1f} times the PyTorch engine, "
                f"{fastest.rate / NEEDED:.0%} of {NEEDED:,}; "
                f"{_share(fastest, operations)}.",
                f"- Tokenizing, the other experts and the decision take "
                f"{_beside(classifier, texts, windows)} of the CPU seconds with the engine {name}.",
                f"- A single post, {name}: {one * 1e3:.1f} ms, the median of {_ALONE}.",
                f"- From the shell, `riskclf predict TEXT`: {shell:.2f} s, of which `load()` takes "
                f"{loading:.2f} s.",
            ],
            "rounding": [_rounding(directories[0], texts)],
            "length": _lengths(classifier, texts),
            "number": _numbers(classifier, [x for x in (1_000, 10_000) if x <= most]),
            "memory": _memory(directories[0], counts),
        },
        page,
    )
    if corpora is not None:
        write_parts({"cascade": [_cascade(directories[0], corpora)]}, page)
    _plot(rows, page.with_suffix(".png"))


if __name__ == "__main__":
    run_command(main)
