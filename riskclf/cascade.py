"""The first stage of a cascade: the n-gram expert clears most posts before the transformer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from riskclf.artifact import Artifact
from riskclf.decide import OperatingPoint, predictions_from_outputs, windows_read
from riskclf.encoder import Outputs
from riskclf.errors import InputError
from riskclf.labels import Prediction
from riskclf.tokens import Encoding

__all__ = ["NO_VECTOR", "FirstStage"]

NO_VECTOR = np.zeros(0, dtype=np.float32)
"""Of a post that the transformer did not read."""


class FirstStage:
    """Of one model (`riskclf.stacker.Cascade`)."""

    def __init__(self, loaded: Artifact) -> None:
        """Raises:
        InputError: the model has none.
        """
        cascade, ngrams = loaded.manifest.cascade, loaded.experts.ngrams
        if cascade is None or ngrams is None:
            raise InputError(
                f"{loaded.directory} has no first stage for a cascade (a fine-tuned model has "
                "none): load it without cascade"
            )
        self._threshold, self._stacker, self._ngrams = cascade.threshold, cascade.stacker, ngrams
        self._manifest = replace(loaded.manifest, stacker=cascade.stacker)

    def read(
        self, encodings: Sequence[Encoding], point: OperatingPoint | None, shift: float
    ) -> tuple[dict[int, Prediction], list[Encoding]]:
        """What n-grams clear, and what is left to the transformer.

        They never clear a post that could not be read, nor one that they would show to a person
        themselves.

        Args:
            encodings: of the posts.
            point: decides on the risk after `shift`.
            shift: added to the log-odds of the risk, see `riskclf.decide.prior_shift`.

        Returns:
            Predictions of the posts that are cleared, by number; and the other posts in their
            order, each with those of its windows that are not cleared.
        """
        windows = windows_read(encodings, self._manifest)
        logits = self._ngrams.logits([window for found in windows for window in found])
        nothing = np.zeros((len(logits), 0), dtype=np.float32)
        outputs = Outputs(logits, nothing, nothing, ngrams=logits)
        predictions = predictions_from_outputs(
            encodings, outputs, self._manifest, point, shift=shift
        )
        is_risk = self._manifest.is_risk
        risk = self._stacker.probabilities(outputs, is_risk)[:, is_risk].sum(axis=1)
        passed = iter((risk >= self._threshold).tolist())
        cleared: dict[int, Prediction] = {}
        left: list[Encoding] = []
        for number, (encoding, found) in enumerate(zip(encodings, predictions, strict=True)):
            suspicious = tuple(window for window in windows[number] if next(passed))
            if found.decision == "clear" and not suspicious:
                codes = (*found.reason_codes, "ngrams_only")
                cleared[number] = replace(found, reason_codes=codes)
            else:
                left.append(replace(encoding, windows=suspicious or encoding.windows))
        return cleared, left
