"""Logits belong to a post: they do not depend on what is computed beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from riskclf.artifact import Artifact, load
from riskclf.encoder import TorchEncoder, length_sorted_batches, pad
from riskclf.errors import InputError
from riskclf.tokens import Tokenizer

# Sums of float32 in another order differ by some 1e-6 at logits of this size.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def windows(tokenizer: Tokenizer, sentences: tuple[str, ...]) -> list[list[int]]:
    posts = (*sentences, "", "雨", "\n".join(sentences))
    return [window for post in posts for window in tokenizer.encode(post).windows]


@pytest.fixture(scope="module")
def alone(loaded: Artifact, windows: list[list[int]]) -> NDArray[np.float32]:
    """The logits of each window, computed with nothing beside it."""
    return np.concatenate([encoder(loaded, 1).logits([window]) for window in windows])


def encoder(loaded: Artifact, batch_size: int) -> TorchEncoder:
    return TorchEncoder(
        loaded.encoder.model, pad_id=loaded.tokenizer.pad_id, device="cpu", batch_size=batch_size
    )


@pytest.mark.parametrize("batch_size", [1, 2, 7, 1000])
def test_logits_do_not_depend_on_the_batch(
    loaded: Artifact, windows: list[list[int]], alone: NDArray[np.float32], batch_size: int
) -> None:
    together = encoder(loaded, batch_size).logits(windows)
    np.testing.assert_allclose(together, alone, rtol=0, atol=TOLERANCE)


def test_logits_come_in_the_order_of_the_sequences(
    loaded: Artifact, windows: list[list[int]]
) -> None:
    order = np.random.default_rng(0).permutation(len(windows))
    shuffled = encoder(loaded, 4).logits([windows[index] for index in order])
    straight = encoder(loaded, 4).logits(windows)
    np.testing.assert_allclose(shuffled, straight[order], rtol=0, atol=TOLERANCE)


def test_logits_are_those_of_the_model_itself(loaded: Artifact, windows: list[list[int]]) -> None:
    for window in windows[:5]:
        with torch.inference_mode():
            expected = loaded.encoder.model(torch.tensor([window])).logits.numpy()
        found = encoder(loaded, 3).logits([window])
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_different_posts_get_different_logits(loaded: Artifact, windows: list[list[int]]) -> None:
    # Without this, the comparisons above could pass on a model that ignores its input.
    assert encoder(loaded, 8).logits(windows).std(axis=0).min() > 100 * TOLERANCE


def test_no_sequences_give_no_rows(loaded: Artifact) -> None:
    assert encoder(loaded, 8).logits([]).shape == (0, 3)


def test_logits_are_float32(loaded: Artifact, windows: list[list[int]]) -> None:
    assert encoder(loaded, 8).logits(windows).dtype == np.float32


def test_the_model_is_not_left_in_training_mode(loaded: Artifact) -> None:
    loaded.encoder.model.train()
    assert not encoder(loaded, 8).model.training


def test_padding_is_on_the_right_and_masked() -> None:
    batch = pad([[2, 7, 3], [2, 3]], pad_id=9)
    assert batch["input_ids"].tolist() == [[2, 7, 3], [2, 3, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]


def test_every_sequence_is_in_one_batch_beside_its_like() -> None:
    sequences = [[0] * length for length in (3, 9, 1, 7, 9, 2, 5)]
    batches = list(length_sorted_batches(sequences, 3))
    assert sorted(index for batch in batches for index in batch) == list(range(7))
    lengths = [len(sequences[index]) for batch in batches for index in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert [len(batch) for batch in batches] == [3, 3, 1]


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_size_below_one_is_refused(model_directory: Path, batch_size: int) -> None:
    with pytest.raises(InputError, match="batch_size"):
        load(model_directory, device="cpu", batch_size=batch_size)


def test_auto_takes_a_device_that_is_there(model_directory: Path) -> None:
    device = load(model_directory, device="auto", batch_size=8).encoder.device
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_classifier_with_other_labels_has_as_many_columns(
    make_model: Callable[..., Path],
) -> None:
    directory = make_model(labels=("a", "b", "c", "d", "e"), risk_labels=("b",))
    logits = load(directory, device="cpu", batch_size=2).encoder.logits([[2, 3]])
    assert logits.shape == (1, 5)
