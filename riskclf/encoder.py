"""Token ids to logits. The only place where sequences are padded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from riskclf.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

__all__ = ["TorchEncoder", "length_sorted_batches", "pad", "quietly"]


def pad(sequences: Sequence[Sequence[int]], pad_id: int) -> dict[str, torch.Tensor]:
    """Pad sequences of ids on the right to the longest of them.

    Returns:
        `input_ids` and `attention_mask`, each int64 of shape (sequences, longest).
    """
    longest = max(map(len, sequences))
    ids = torch.full((len(sequences), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(sequences), longest), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence, dtype=torch.long)
        mask[row, : len(sequence)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def length_sorted_batches(
    sequences: Sequence[Sequence[int]], batch_size: int
) -> Iterator[list[int]]:
    """Indices of batches of like length, so that little is computed on padding.

    The longest come first: if memory does not suffice, it shows at once.
    """
    order = sorted(range(len(sequences)), key=lambda index: -len(sequences[index]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


class TorchEncoder:
    """A transformers sequence classifier on a torch device."""

    def __init__(
        self, model: PreTrainedModel, *, pad_id: int, device: str, batch_size: int
    ) -> None:
        """
        Args:
            model: any model whose output has `logits` of shape (batch, labels).
            pad_id: id of the padding token.
            device: a torch device, or "auto" for CUDA where there is one, else the CPU.
            batch_size: sequences to a batch, 1 or more.

        Raises:
            InputError: the device cannot be used here, or the batch size is less than 1.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}: it must be 1 or more")
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self.device = torch.device(device)
            self.model: Any = model.to(self.device).eval()  # type: ignore[arg-type]
        except (AssertionError, NotImplementedError, RuntimeError) as error:
            reason = str(error).split("\n")[0]
            raise InputError(f"device {device!r} cannot be used ({reason}): try cpu") from None
        self.batch_size = batch_size
        self._pad_id = pad_id

    def logits(self, sequences: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Logits of each sequence of ids, float32 of shape (sequences, labels), in their order."""
        width = self.model.config.num_labels
        return self._computed(sequences, width, lambda batch: self.model(**batch).logits)

    def vectors(self, sequences: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Sentence vectors, BERT's pooler on [CLS]: float32 of shape (sequences, hidden size)."""
        width, encoder = self.model.config.hidden_size, self.model.base_model
        return self._computed(sequences, width, lambda batch: encoder(**batch).pooler_output)

    def _computed(
        self,
        sequences: Sequence[Sequence[int]],
        width: int,
        compute: Callable[[dict[str, torch.Tensor]], torch.Tensor],
    ) -> NDArray[np.float32]:
        result = np.zeros((len(sequences), width), dtype=np.float32)
        with torch.inference_mode():
            for indices in length_sorted_batches(sequences, self.batch_size):
                batch = pad([sequences[index] for index in indices], self._pad_id)
                output = compute({name: x.to(self.device) for name, x in batch.items()})
                result[indices] = output.float().cpu().numpy()
        return result


@contextmanager
def quietly() -> Iterator[None]:
    """transformers shows a bar for every load and save, and lists the weights that do not fit."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
