"""Outputs to predictions: calibrated probabilities, the window that counts, label and decision.

`predictions_from_outputs` is the only way from a model's outputs to predictions. Whoever has
outputs (the classifier, cross-validation, calibration) calls it, or `predictions_with_rows`, which
also says which window decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from riskclf.errors import ArtifactCorrupt, InputError, OperatingPointError
from riskclf.labels import REASON_CODES, UNREAD_CODES, Decision, Prediction, ReasonCode
from riskclf.numerics import expit, logit, softmax

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from riskclf.encoder import Outputs
    from riskclf.manifest import Manifest
    from riskclf.tokens import Encoding, Window

__all__ = [
    "UNREADABLE_SHARE",
    "OperatingPoint",
    "decide",
    "decisive",
    "predictions_from_outputs",
    "predictions_with_rows",
    "prior_shift",
    "probabilities",
    "served_rows",
    "shifted",
    "windows_read",
]

UNREADABLE_SHARE = 0.5
"""From this share of unknown tokens on, the model has not read the post: it is `unreadable`."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Two thresholds on the risk.

    Raises:
        OperatingPointError: not 0 < `review` < `flag` < 1.
    """

    flag: float
    review: float

    def __post_init__(self) -> None:
        if not 0 < self.review < self.flag < 1:
            raise OperatingPointError(
                f"review {self.review:g} and flag {self.flag:g} are not usable thresholds: "
                "they must satisfy 0 < review < flag < 1"
            )

    @classmethod
    def of(cls, thresholds: Mapping[str, float]) -> OperatingPoint:
        """The two thresholds by their names."""
        if set(thresholds) != {"flag", "review"}:
            raise OperatingPointError('thresholds must be {"flag": ..., "review": ...}')
        return cls(**thresholds)

    def shifted(self, shift: float) -> OperatingPoint:
        """The thresholds that decide alike after `shift` was added to the log-odds of the risk."""
        if shift == 0:
            return self  # exactly
        return OperatingPoint(
            flag=float(expit(logit(self.flag) + shift)),
            review=float(expit(logit(self.review) + shift)),
        )


def prior_shift(calibrated: float, prevalence: float) -> float:
    """What to add to the log-odds of the risk where risky posts are more or less frequent.

    This is the prior correction of Saerens, Latinne and Decaestecker (2002), for one base rate: it
    is right when risky posts, and ordinary ones, look as they did where the model was calibrated.

    Args:
        calibrated: share of risky posts where the model was calibrated.
        prevalence: share of risky posts where it is used.

    Raises:
        InputError: `prevalence` does not lie between 0 and 1.
    """
    if not 0 < prevalence < 1:
        raise InputError(
            f"prevalence {prevalence!r} is not a share of risky posts: give a number between 0 "
            "and 1, such as 0.001 for one in a thousand"
        )
    return float(logit(prevalence) - logit(calibrated))


def probabilities(
    logits: NDArray[np.float32], temperature: float, bias: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """Calibrated probabilities by temperature scaling (Guo et al. 2017).

    Args:
        logits: shape (posts, labels).
        temperature: above 0; 1 leaves the model's own probabilities.
        bias: added to the log-probability of each label, shape (labels,).

    Returns:
        Same shape, float64; each row adds up to 1.
    """
    result: NDArray[np.float64] = softmax(logits.astype(np.float64) / temperature + bias, axis=1)
    return result


def shifted(
    scores: NDArray[np.float64], is_risk: NDArray[np.bool_], shift: float
) -> NDArray[np.float64]:
    """The probabilities after `shift` was added to the log-odds of the risk, see `prior_shift`.

    Args:
        scores: shape (posts, labels); each row adds up to 1.
        is_risk: which labels are risky, shape (labels,).
        shift: 0 leaves the scores as they are.
    """
    if shift == 0:
        return scores  # exactly
    moved = scores * np.exp(shift * is_risk)
    result: NDArray[np.float64] = moved / moved.sum(axis=1, keepdims=True)
    return result


def decide(
    risk: float, point: OperatingPoint | None, reason_codes: Sequence[ReasonCode] = ()
) -> Decision:
    """What to do with a post: `flag`, `review` or `clear`.

    A post that could not be read, for one of the reasons given (`riskclf.labels.UNREAD_CODES`), is
    never `clear`: a blank one, too, since it may be a picture with a text. Without an operating
    point, as for a model that has no risk labels, only that decides.
    """
    if point is not None and risk >= point.flag:
        return "flag"
    if (point is not None and risk >= point.review) or not UNREAD_CODES.isdisjoint(reason_codes):
        return "review"
    return "clear"


def decisive(
    manifest: Manifest,
    directory: Path,
    prevalence: float | None,
    name: str | None,
    thresholds: Mapping[str, float] | None,
) -> tuple[OperatingPoint | None, float]:
    """The operating point that a user asks for, and the shift of the risk that it comes after.

    Args:
        manifest: of the model.
        directory: of the model, for messages.
        prevalence: share of risky posts where it is used; None: as where it was calibrated.
        name: of one of its operating points; None is the first.
        thresholds: in place of one.

    Raises:
        InputError: `prevalence` does not lie between 0 and 1.
        OperatingPointError: there is no such point, the thresholds are not usable, both are given,
            or the model has no risk labels, so that there is nothing for these three to decide.
    """
    if not manifest.risk_labels:
        if (prevalence, name, thresholds) != (None, None, None):
            raise OperatingPointError(
                f"{directory} has no risk labels: it takes no prevalence, no operating point and "
                "no thresholds; leave them out"
            )
        return None, 0.0
    shift = 0.0 if prevalence is None else prior_shift(manifest.prevalence, prevalence)
    if thresholds is None:
        return manifest.point(name).shifted(shift), shift
    if name is not None:
        raise OperatingPointError("give an operating point or thresholds, not both")
    return OperatingPoint.of(thresholds), shift


def windows_read(encodings: Sequence[Encoding], manifest: Manifest) -> list[tuple[Window, ...]]:
    """The windows of each post that a model is computed on.

    Of a post's risk the riskiest window decides, so all of them: nothing hides in the middle of a
    long post. What a whole text is about, without risk labels, is read from its head.
    """
    if manifest.risk_labels:
        return [encoding.windows for encoding in encodings]
    return [(encoding.head,) for encoding in encodings]


def served_rows(
    encodings: Sequence[Encoding], outputs: Outputs, manifest: Manifest
) -> NDArray[np.int64]:
    """The row of `outputs` that decides on each post: that of its riskiest window.

    Args:
        encodings: of the posts.
        outputs: one row for each of `windows_read(encodings, manifest)`, in their order.
        manifest: of the model; its calibration says which window is the riskiest.

    Returns:
        Shape (posts,); of equally risky windows the first.
    """
    return _served(encodings, outputs, manifest)[0]


def predictions_from_outputs(
    encodings: Sequence[Encoding],
    outputs: Outputs,
    manifest: Manifest,
    point: OperatingPoint | None = None,
    *,
    shift: float = 0.0,
) -> list[Prediction]:
    """The predictions of `predictions_with_rows`."""
    return predictions_with_rows(encodings, outputs, manifest, point, shift=shift)[0]


def predictions_with_rows(
    encodings: Sequence[Encoding],
    outputs: Outputs,
    manifest: Manifest,
    point: OperatingPoint | None = None,
    *,
    shift: float = 0.0,
) -> tuple[list[Prediction], NDArray[np.int64]]:
    """Predictions of posts from what an engine computed, and the rows that decided.

    Args:
        encodings: of the posts.
        outputs: one row for each of `windows_read(encodings, manifest)`, in their order.
        manifest: of the model.
        point: decides on the risk after `shift`; None is the model's first operating point. A model
            without risk labels has none and takes none.
        shift: added to the log-odds of the risk, see `prior_shift`.

    Returns:
        A prediction for each post, and its row of `outputs` as `served_rows` gives it.

    Raises:
        ArtifactCorrupt: a risk came out that is not a number.
    """
    if point is None and manifest.operating_points:
        point = next(iter(manifest.operating_points.values())).shifted(shift)
    rows, unshifted = _served(encodings, outputs, manifest)
    scores = shifted(unshifted, manifest.is_risk, shift)
    # Not the most probable label after the shift: where risky posts are rare that is always the
    # benign one, and the label is to say which of the two warnings fits.
    risks = np.flatnonzero(manifest.is_risk)
    labels = _labels(unshifted, manifest, None if point is None else point.shifted(-shift))
    if not np.isfinite(scores).all():
        raise ArtifactCorrupt(
            "the model gave a risk that is not a number: its weights are damaged; copy it again or "
            "train it again"
        )
    predictions = []
    for encoding, label, before, after in zip(
        encodings, labels, unshifted, scores.tolist(), strict=True
    ):
        risk = sum((after[index] for index in risks), 0.0)
        codes = _reason_codes(encoding)
        predictions.append(
            Prediction(
                label=manifest.labels[label],
                scores=dict(zip(manifest.labels, after, strict=True)),
                risk=risk,
                decision=decide(risk, point, codes),
                truncated=encoding.windows_cut if manifest.risk_labels else encoding.head_cut,
                side=manifest.labels[int(risks[before[risks].argmax()])] if len(risks) else "",
                reason_codes=codes,
            )
        )
    return predictions, rows


def _served(
    encodings: Sequence[Encoding], outputs: Outputs, manifest: Manifest
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """`served_rows`, and the calibrated probabilities of these rows."""
    starts = np.cumsum([0, *map(len, windows_read(encodings, manifest))])
    scores = _calibrated(outputs, manifest)
    risk = scores[:, manifest.is_risk].sum(axis=1)
    rows = np.array([a + int(risk[a:b].argmax()) for a, b in pairwise(starts.tolist())], dtype=int)
    return rows, scores[rows]


def _reason_codes(encoding: Encoding) -> tuple[ReasonCode, ...]:
    found = set(encoding.text_codes)
    if encoding.unknown_share >= UNREADABLE_SHARE:
        found.add("unreadable")
    return tuple(code for code in REASON_CODES if code in found)


def _labels(
    scores: NDArray[np.float64], manifest: Manifest, point: OperatingPoint | None
) -> list[int]:
    """The index of each post's label."""
    threshold = manifest.label_threshold
    if threshold is not None and point is not None:
        # Whatever thresholds are used: what is flagged has a risky label, what is clear has none.
        threshold = min(max(threshold, point.review), point.flag)
        is_risky = scores[:, manifest.is_risk].sum(axis=1) >= threshold
        possible = np.where(is_risky[:, None], manifest.is_risk, ~manifest.is_risk)
        scores = np.where(possible, scores, -1.0)
    labels: list[int] = scores.argmax(axis=1).tolist()
    return labels


def _calibrated(outputs: Outputs, manifest: Manifest) -> NDArray[np.float64]:
    if manifest.stacker is not None:
        return manifest.stacker.probabilities(outputs, manifest.is_risk)
    bias = manifest.bias * manifest.is_risk.astype(np.float64)
    return probabilities(outputs.logits, manifest.temperature, bias)
