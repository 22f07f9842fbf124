"""Logits belong to a post: they do not depend on what is computed beside it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from riskclf.artifact import Artifact, load
from riskclf.encoder import length_sorted_batches, load_engine, pad
from riskclf.engines.pytorch import PytorchEngine, quietly
from riskclf.errors import InputError
from riskclf.tokens import Tokenizer
from tests.models import torch_model

# Sums of float32 in another order differ by some 1e-6 at logits of this size.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def windows(tokenizer: Tokenizer, sentences: tuple[str, ...]) -> list[list[int]]:
    posts = (*sentences, "", "雨", "\n".join(sentences))
    return [x.ids for post in posts for x in tokenizer.encode(post).windows]


@pytest.fixture(scope="module")
def alone(loaded: Artifact, windows: list[list[int]]) -> NDArray[np.float32]:
    """The logits of each window, computed with nothing beside it."""
    return np.concatenate([encoder(loaded, 1).compute([window]).logits for window in windows])


def encoder(loaded: Artifact, batch_size: int) -> PytorchEngine:
    return PytorchEngine(
        torch_model(loaded), pad_id=loaded.tokenizer.pad_id, device="cpu", batch_size=batch_size
    )


@pytest.mark.parametrize("batch_size", [1, 2, 7, 1000])
def test_logits_do_not_depend_on_the_batch(
    loaded: Artifact, windows: list[list[int]], alone: NDArray[np.float32], batch_size: int
) -> None:
    together = encoder(loaded, batch_size).compute(windows).logits
    np.testing.assert_allclose(together, alone, rtol=0, atol=TOLERANCE)


def test_logits_come_in_the_order_of_the_sequences(
    loaded: Artifact, windows: list[list[int]]
) -> None:
    order = np.random.default_rng(0).permutation(len(windows))
    shuffled = encoder(loaded, 4).compute([windows[index] for index in order]).logits
    straight = encoder(loaded, 4).compute(windows).logits
    np.testing.assert_allclose(shuffled, straight[order], rtol=0, atol=TOLERANCE)


def test_logits_are_those_of_the_model_itself(loaded: Artifact, windows: list[list[int]]) -> None:
    for window in windows[:5]:
        with torch.inference_mode():
            expected = torch_model(loaded)(torch.tensor([window])).logits.numpy()
        found = encoder(loaded, 3).compute([window]).logits
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_different_posts_get_different_logits(loaded: Artifact, windows: list[list[int]]) -> None:
    # Without this, the comparisons above could pass on a model that ignores its input.
    assert encoder(loaded, 8).compute(windows).logits.std(axis=0).min() > 100 * TOLERANCE


def test_no_sequences_give_no_rows(loaded: Artifact) -> None:
    assert encoder(loaded, 8).compute([]).logits.shape == (0, 3)


def test_logits_are_float32(loaded: Artifact, windows: list[list[int]]) -> None:
    assert encoder(loaded, 8).compute(windows).logits.dtype == np.float32


def test_the_model_is_not_left_in_training_mode(loaded: Artifact) -> None:
    torch_model(loaded).train()
    assert not encoder(loaded, 8).model.training


def test_padding_is_on_the_right_and_masked() -> None:
    batch = pad([[2, 7, 3], [2, 3]], pad_id=9)
    assert batch["input_ids"].tolist() == [[2, 7, 3], [2, 3, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]


def test_every_sequence_is_in_one_batch_beside_its_like() -> None:
    lengths = (3, 9, 1, 7, 9, 2, *range(40, 60), *[21] * 5)
    batches = list(length_sorted_batches([[0] * length for length in lengths], 4))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    found = [[lengths[index] for index in batch] for batch in batches]
    assert [x for batch in found for x in batch] == sorted(lengths, reverse=True)
    assert max(map(len, found)) == 4
    for batch in found:
        assert max(batch) * len(batch) <= 1.1 * sum(batch)  # a tenth of padding
    assert len(batches) < 16  # and not each by itself
    assert list(length_sorted_batches([], 4)) == []


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_size_below_one_is_refused(model_directory: Path, batch_size: int) -> None:
    with pytest.raises(InputError, match="batch_size"):
        load(model_directory, device="cpu", batch_size=batch_size)


def test_auto_takes_a_device_that_is_there(model_directory: Path) -> None:
    device = load(model_directory, device="auto", batch_size=8).engine.where
    assert device == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_classifier_with_other_labels_has_as_many_columns(
    make_model: Callable[..., Path],
) -> None:
    directory = make_model(labels=("a", "b", "c", "d", "e"), risk_labels=("b",))
    logits = load(directory, device="cpu", batch_size=2).engine.compute([[2, 3]]).logits
    assert logits.shape == (1, 5)


def test_vectors_are_the_pooler_output_and_the_mean_of_the_tokens(
    loaded: Artifact, windows: list[list[int]]
) -> None:
    found = encoder(loaded, 5).compute(windows)
    for row, window in enumerate(windows):
        with torch.inference_mode():
            body = torch_model(loaded).base_model(torch.tensor([window]))
        pooled, mean = body.pooler_output[0], body.last_hidden_state[0].mean(dim=0)
        np.testing.assert_allclose(found.pooled[row], pooled, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(found.sentence[row], mean, rtol=0, atol=TOLERANCE)


def test_an_engine_that_there_is_not_is_refused(model_directory: Path) -> None:
    with pytest.raises(InputError, match="pytorch"):
        load_engine(model_directory, pad_id=0, device="cpu", batch_size=1, name="abacus")


FORKED = """
import os, sys
import torch
torch.set_num_threads(2)
from riskclf import RiskClassifier
classifier = RiskClassifier.load(device="cpu", engine="pytorch")
posts = ["今日は図書館で本を借りました。" * 8] * 64
before = [x.risk for x in classifier.predict_many(posts)]
child = os.fork()
if child == 0:
    after = [x.risk for x in classifier.predict_many(posts)]
    os._exit(0 if max(abs(a - b) for a, b in zip(before, after)) < 1e-4 else 3)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_after_a_prediction_predicts_too() -> None:
    environment = {name: x for name, x in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", FORKED],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
        env=environment | {"OMP_NUM_THREADS": "2"},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_silence_in_one_thread_leaves_the_logging_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from transformers.utils import logging as transformers_logging

    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", records.append)
    monkeypatch.setattr(logging.getLogger("transformers"), "handlers", [handler])
    logger = logging.getLogger("transformers.models")
    level, shown = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    inside, said = threading.Event(), threading.Event()

    def silent() -> None:
        with quietly():
            inside.set()
            said.wait(10)
            logger.warning("from the silent thread")

    def overlapping() -> None:
        with quietly():
            said.wait(10)

    threads = [threading.Thread(target=silent), threading.Thread(target=overlapping)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    assert transformers_logging.get_verbosity() == level
    logger.warning("from another thread")
    said.set()
    for thread in threads:
        thread.join()
    assert [record.getMessage() for record in records] == ["from another thread"]
    assert transformers_logging.get_verbosity() == level
    assert transformers_logging.is_progress_bar_enabled() == shown
