"""What the machine can do, and what a run takes of it: matrix products, memory, start.

Memory is measured in a process of its own, on a small model of random weights: what grows with the
number of posts does not depend on the weights. Its posts are harmless lines with a number each, so
that none repeats another, and are written nowhere.
"""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from riskclf import artifact
from riskclf.bert import read_config
from riskclf.experts import Experts
from riskclf.stacker import Stacker

__all__ = ["in_turn", "int8_peak", "memory", "numbered", "peak", "single", "small_model", "start"]

_SIZE = 2048
_LINES = (
    "今日は図書館で本を三冊借りました",
    "駅前のパン屋さん、カレーパンが売り切れだった",
    "明日の天気は雨のち晴れらしいよ",
    "Does anybody know when the library opens?",
    "The train to the city leaves at 10:25 from platform 3",
)


def in_turn(works: Sequence[Callable[[], object]], rounds: int) -> list[tuple[float, float]]:
    """Medians of seconds and of CPU seconds, each work in turn, so that a busy moment hits all."""
    for work in works:  # warm up
        work()
    taken: list[list[tuple[float, float]]] = [[] for _ in works]
    for _ in range(rounds):
        for found, work in zip(taken, works, strict=True):
            before = time.perf_counter(), time.process_time()
            work()
            found.append((time.perf_counter() - before[0], time.process_time() - before[1]))
    return [
        (statistics.median(x for x, _ in found), statistics.median(x for _, x in found))
        for found in taken
    ]


def peak() -> float:
    """Operations a second in products of matrices of float32."""
    one = torch.rand(_SIZE, _SIZE)
    ((seconds, _),) = in_turn([lambda: one @ one], 5)
    return 2 * _SIZE**3 / seconds


def int8_peak() -> float:
    """Operations a second in ONNX Runtime's products of matrices of 8 bits.

    PyTorch has no such product that is fast on every processor.
    """
    onnx, runtime = (importlib.import_module(name) for name in ("onnx", "onnxruntime"))
    shape, helper, kinds = [_SIZE, _SIZE], onnx.helper, onnx.TensorProto
    one = np.ones(shape, dtype=np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["rows", "weights"], ["found"])],
        "product",
        [helper.make_tensor_value_info("rows", kinds.UINT8, shape)],
        [helper.make_tensor_value_info("found", kinds.INT32, shape)],
        [onnx.numpy_helper.from_array(one, "weights")],
    )
    # Versions that every ONNX Runtime of the last years reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    rows = {"rows": one.astype(np.uint8)}
    ((seconds, _),) = in_turn([lambda: session.run(None, rows)], 5)
    return 2 * _SIZE**3 / seconds


def start(directory: Path, rounds: int = 5) -> tuple[float, float]:
    """Medians of seconds: of `riskclf predict TEXT` from the shell, and of `load()` in it."""
    command = [sys.executable, "-c", "from riskclf.cli import main; main()"]
    arguments = ["predict", "--model", str(directory), _LINES[0]]
    load = (
        "import sys, time; from riskclf import RiskClassifier; before = time.perf_counter(); "
        "RiskClassifier.load(sys.argv[1]); print(time.perf_counter() - before)"
    )
    shell, loading = [], []
    for _ in range(rounds):
        before = time.perf_counter()
        subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)
        shell.append(time.perf_counter() - before)
        done = subprocess.run(
            [sys.executable, "-c", load, str(directory)], check=True, capture_output=True, text=True
        )
        loading.append(float(done.stdout))
    return statistics.median(shell), statistics.median(loading)


def single(directory: Path, posts: Sequence[str]) -> float:
    """Median seconds of one post, in a process where nothing else has threads.

    Args:
        directory: of the model.
        posts: to label, one after the other, twice; the second time counts.
    """
    code = (
        "import json, statistics, sys, time; from riskclf import RiskClassifier\n"
        "classifier = RiskClassifier.load(sys.argv[1], device='cpu')\n"
        "posts, taken = json.load(sys.stdin), []\n"
        "for post in posts * 2:\n"
        "    before = time.perf_counter()\n"
        "    classifier.predict(post)\n"
        "    taken.append(time.perf_counter() - before)\n"
        "print(statistics.median(taken[len(posts):]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(directory)],
        input=json.dumps([*posts]),
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def numbered(count: int) -> Iterator[str]:
    """Harmless lines, no two alike."""
    return (f"{_LINES[number % len(_LINES)]} {number}" for number in range(count))


def small_model(directory: Path, place: Path) -> Path:
    """A model of one small layer of random weights, with the n-grams of the one in `directory`."""
    from transformers import BertConfig, BertForSequenceClassification

    loaded = artifact.load(directory, device="cpu", batch_size=64)
    labels = loaded.manifest.labels
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=read_config(directory)["vocab_size"],
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    stacker = Stacker(("transformer", "ngrams"), (1.0, 1.0), (1.0, 1.0), 0.0)
    artifact.save(
        place,
        model=BertForSequenceClassification(config),
        tokenizer_directory=directory,
        manifest=replace(loaded.manifest, stacker=stacker),
        experts=Experts(loaded.experts.ngrams),
    )
    return place


def memory(directory: Path, count: int, engine: str = "auto") -> tuple[float, float]:
    """Megabytes of a process that streams so many posts, before the first and at most."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(directory), str(count), engine],
        check=True,
        capture_output=True,
        text=True,
    )
    before, most = map(float, done.stdout.split())
    return before, most


def _stream(directory: Path, count: int, engine: str) -> None:
    """Print the megabytes of `memory`."""
    from riskclf import RiskClassifier

    classifier = RiskClassifier.load(directory, device="cpu", engine=engine)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the most so far is forgotten
    before = _megabytes("VmRSS")
    assert sum(1 for _ in classifier.stream(numbered(count))) == count
    print(before, _megabytes("VmHWM"))


def _megabytes(name: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc says no {name}: measure memory on Linux")


if __name__ == "__main__":
    _stream(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
