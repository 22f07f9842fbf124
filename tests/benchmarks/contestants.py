"""What the speed of riskclf is compared with: the ways in which a user would do the same.

All but TF-IDF compute the transformer of one model directory. Each contestant takes a list of posts
and gives a label for each; what it must load is loaded before.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from riskclf.bert import read_config
from riskclf.classifier import RiskClassifier
from riskclf.encoder import length_sorted_batches, pad
from riskclf.engines.pytorch import open_classifier
from riskclf.evaluation.baselines import tfidf
from riskclf.tokens import Tokenizer

__all__ = ["Contestant", "in_onnx_runtime", "pipeline", "riskclf", "sentence_vectors", "tf_idf"]

Contestant = Callable[[Sequence[str]], Sequence[str]]
"""Labels posts."""

_BATCH = 64
_FAR = -30_000.0
"""Added to the attention to padding."""


def pipeline(directory: Path, batch_size: int, in_order_of_length: bool = False) -> Contestant:
    """`transformers.pipeline`, with or without sorting the posts by their length before."""
    transformers = importlib.import_module("transformers")
    classify = transformers.pipeline(
        "text-classification", model=str(directory), device="cpu", truncation=True
    )

    def label(posts: Sequence[str]) -> list[str]:
        order = range(len(posts))
        if in_order_of_length:
            order = sorted(order, key=lambda index: -len(posts[index]))  # type: ignore[assignment]
        found = classify([posts[index] for index in order], batch_size=batch_size)
        labels = dict(zip(order, (x["label"] for x in found), strict=True))
        return [labels[index] for index in range(len(posts))]

    return label


def sentence_vectors(
    directory: Path, learnt: Sequence[str], labels: Sequence[str], batch_size: int = _BATCH
) -> Contestant:
    """A logistic regression on vectors of sentence-transformers, as SetFit serves it."""
    library = importlib.import_module("sentence_transformers")
    encoder = library.SentenceTransformer(str(directory), device="cpu")  # the mean of the tokens

    def vectors(posts: Sequence[str]) -> Any:
        return encoder.encode([*posts], batch_size=batch_size, show_progress_bar=False)

    head = LogisticRegression(max_iter=1000).fit(vectors(learnt), [*labels])
    return lambda posts: [str(x) for x in head.predict(vectors(posts))]


class _Logits(torch.nn.Module):
    """A classifier with its mask made here, which tracing would otherwise fix."""

    def __init__(self, classifier: Any) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        bias = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * _FAR
        body = self.classifier.base_model(input_ids=input_ids, attention_mask=bias)
        found: torch.Tensor = self.classifier.classifier(body.pooler_output)
        return found


def in_onnx_runtime(directory: Path, place: Path, threads: int) -> Contestant:
    """ONNX Runtime with weights rounded to 8 bits, as its own guide for transformers does it.

    It reads riskclf's own windows, in batches sorted by length.

    Args:
        directory: of the model.
        place: for its files.
        threads: that it computes on.
    """
    runtime = importlib.import_module("onnxruntime")
    quantization = importlib.import_module("onnxruntime.quantization")
    classifier, _ = open_classifier(directory, attention="eager")
    example = {name: torch.ones((2, 8), dtype=torch.int64) for name in pad([[0]], 0)}
    with torch.no_grad():
        torch.onnx.export(
            _Logits(classifier.eval()),
            (*example.values(),),
            str(place / "f32.onnx"),
            input_names=[*example],
            output_names=["logits"],
            dynamic_axes={name: {0: "rows", 1: "tokens"} for name in example},
            opset_version=17,
            dynamo=False,
        )
    quantization.quantize_dynamic(
        place / "f32.onnx", place / "int8.onnx", weight_type=quantization.QuantType.QInt8
    )
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = runtime.InferenceSession(
        place / "int8.onnx", settings, providers=["CPUExecutionProvider"]
    )
    tokenizer = Tokenizer.load(directory)
    names = read_config(directory)["id2label"]

    def label(posts: Sequence[str]) -> list[str]:
        windows = [encoding.head.ids for encoding in tokenizer.encode_batch(posts)]
        found = [""] * len(posts)
        for rows in length_sorted_batches(windows, _BATCH):
            batch = pad([windows[row] for row in rows], tokenizer.pad_id)
            (logits,) = session.run(None, batch)
            for row, index in zip(rows, np.argmax(logits, axis=1).tolist(), strict=True):
                found[row] = names[index]
        return found

    return label


def tf_idf(learnt: Sequence[str], labels: Sequence[str]) -> Contestant:
    """TF-IDF of characters and a logistic regression, as `riskclf evaluate` compares with."""
    model = tfidf(10.0).fit([*learnt], [*labels])
    return lambda posts: [str(x) for x in model.predict([*posts])]


def riskclf(directory: Path, engine: str) -> Contestant:
    """`RiskClassifier.predict_many`: all experts, the stacker and the decision."""
    classifier = RiskClassifier.load(directory, device="cpu", engine=engine)
    return lambda posts: [prediction.label for prediction in classifier.predict_many(posts)]
