"""Probe sentences: what a model computed for them when it was saved is compared at every load.

So a model that computes something else here, with another dictionary or another normaliser, is
noticed before it labels a post.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from riskclf.encoder import ENGINE_FILES, ENGINES, Engine, Outputs
from riskclf.errors import ArtifactMismatch
from riskclf.experts import Experts
from riskclf.mecab import dictionary_version
from riskclf.text import NORMALISER_VERSION
from riskclf.tokens import Tokenizer

__all__ = ["PROBE_SENTENCES", "outputs", "verify", "written"]

# Logits of one model differ in the sixth digit between processors and batch shapes. Where numbers
# are rounded to 8 or 16 bits on the way, such a difference now and then moves one to its neighbour.
_TOLERANCE = 0.01
_TOLERANCES = {"f32": _TOLERANCE, "int8": 0.1, "bf16": 0.1}

_PROBED = ("logits", "ngrams", "neighbours")

PROBE_SENTENCES = (
    "駅前で傘を買ったら、すぐに雨がやんだ。",
    "ﾃﾚﾋﾞのﾘﾓｺﾝがみつからない！！",
    "Does anybody know when the library opens?",
    "오늘 점심은 뭐 먹지",
    "明天一起去图书馆吧",
    "✨新刊の見本が届きました📚✨",
)
"""Harmless sentences that cover the scripts; their logits are stored with a model."""


def outputs(
    texts: Sequence[str], tokenizer: Tokenizer, engine: Engine, experts: Experts
) -> Outputs:
    """What all experts give for the head of each text."""
    windows = [encoding.head for encoding in tokenizer.encode_batch(texts)]
    return experts.compute(windows, engine)


def written(texts: Sequence[str], computed: Outputs) -> list[dict[str, Any]]:
    """The sentences with the logits of every expert, as `riskclf.json` holds them."""
    logits = {name: getattr(computed, name) for name in _PROBED}
    return [
        {"text": text}
        | {
            name: [round(float(x), 5) for x in found[row]]
            for name, found in logits.items()
            if found is not None
        }
        for row, text in enumerate(texts)
    ]


def verify(
    directory: Path,
    raw: Mapping[str, Any],
    tokenizer: Tokenizer,
    engine: Engine,
    experts: Experts,
    name: str = ENGINES[0],
) -> float:
    """Compare what a model computes here with what is stored.

    Args:
        directory: of the model, for the message.
        raw: its `riskclf.json`.
        tokenizer: as it was loaded.
        engine: likewise.
        experts: likewise.
        name: of the engine. Each is compared with what it computed itself when its files were
            built, within 0.01 in a logit; within 0.1 where it rounds to 8 or 16 bits.

    Returns:
        The largest difference between two logits.

    Raises:
        ArtifactMismatch: it does not give the logits it was saved with.
    """
    built = raw.get("engines", {}).get(name)
    saved_probes = raw["probes"] if built is None else built["probes"]
    tolerance = _TOLERANCE if built is None else _TOLERANCES[built["precision"]]
    what = directory if built is None else directory / ENGINE_FILES[name][0]
    texts = [probe["text"] for probe in saved_probes]
    try:
        found = outputs(texts, tokenizer, engine, experts)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as x:
        raise ArtifactMismatch(
            f"{what} cannot compute its probe sentences ({type(x).__name__}): copy the model "
            "again or train it again"
        ) from None
    differences = [0.0]
    for part in _PROBED:
        here = getattr(found, part)
        if here is not None:
            saved = np.array([probe.get(part, ()) for probe in saved_probes], dtype=np.float64)
            fits = saved.shape == here.shape
            differences.append(float(np.abs(saved - here).max()) if fits else math.inf)
    # A NaN is not at most the tolerance.
    if all(difference <= tolerance for difference in differences):
        return max(differences)
    then = (raw["normaliser"], raw["dictionary"]["version"])
    now = (NORMALISER_VERSION, dictionary_version(tokenizer.dictionary))
    raise ArtifactMismatch(
        f"{what} does not compute what it was saved with: it was saved with normaliser "
        f"{then[0]} and {tokenizer.dictionary} {then[1]}, here are {now[0]} and {now[1]}; "
        "install those versions or train it again"
    )
