"""From trained experts to the packaged model: shift, stacker, thresholds, heads, files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from riskclf import artifact
from riskclf.encoder import Outputs
from riskclf.engines.pytorch import open_classifier
from riskclf.experts import Experts
from riskclf.manifest import Manifest
from riskclf.stacker import EXPERTS, Stacker, expert_logits, risk_log_odds
from riskclf.tokens import Tokenizer
from training.posts.corpora import Corpora, origins
from training.posts.folds import RESERVED
from training.posts.post import FOLDS, digest
from training.recipe.answers import answer_figures, out_of_fold_answers, support_threshold
from training.recipe.cascade import fit_cascade
from training.recipe.examples import QUESTIONS
from training.recipe.experts import Texts, fit_experts
from training.recipe.judged import JudgedPosts
from training.recipe.material import NATURAL_MIX, Material
from training.recipe.out_of_fold import STATED, Judged, OutOfFold, fit_manifest, judge
from training.recipe.transformer import STEPS, Transformer

__all__ = ["HELD_OUT", "Made", "judged_posts", "make", "write"]

HELD_OUT = (*FOLDS, None)
"""What each transformer is trained without; None is what ships."""


@dataclass(frozen=True)
class Made:
    """All that the packaged model is made of, and what its figures are made of."""

    texts: Texts
    by_fold: Mapping[str, Transformer]
    """Transformers by the fold that is held out."""
    found: OutOfFold
    """Outputs of all experts out of fold."""
    judged: Judged
    """The same, judged out of fold in every respect."""
    final: Transformer
    """Trained on all folds."""
    experts: Experts
    """Fitted on all folds."""
    manifest: Manifest
    """With the stacker, the cascade (their biases corrected by `shift`), and thresholds."""
    shift: Mapping[str, float]
    """By how much the final experts' log-odds of the risk lie above the fold models' on natural
    lines that none of them was trained on, by expert."""


def make(material: Material, base: Path, work: Path) -> Made:
    """Fit everything after the transformers.

    Args:
        material: posts and lines.
        base: directory of the adapted encoder, whose tokenizer all have.
        work: where the transformers lie (`HELD_OUT`), and fitted n-grams are kept.
    """
    texts = Texts(material, Tokenizer.load(base))
    by_fold = {fold: Transformer.at(work, fold) for fold in FOLDS}
    last = Transformer.at(work, None)
    outputs = {
        fold: fit_experts(texts, transformer, work, fold)[1]
        for fold, transformer in by_fold.items()
    }
    found = OutOfFold.of(texts, outputs)
    manifest = fit_manifest(found.only(found.is_post))
    experts, final = fit_experts(texts, last, work, None)
    shift = _shift(texts, outputs, final, manifest)
    stacker = manifest.stacker
    assert stacker is not None
    judged = judge(found)
    cascade = fit_cascade(found, judged)
    return Made(
        texts,
        by_fold,
        found,
        judged,
        last,
        experts,
        replace(
            manifest,
            stacker=_moved(stacker, shift),
            cascade=replace(cascade, stacker=_moved(cascade.stacker, shift)),
        ),
        shift,
    )


def write(made: Made, base: Path, corpora: Corpora, output: Path) -> None:
    """Write the model directory.

    Args:
        made: by `make`.
        base: directory of the adapted encoder, whose tokenizer it has.
        corpora: where natural lines came from.
        output: where to; an artifact that is there is replaced.
    """
    heads = made.final.heads
    answers = out_of_fold_answers(made.texts, made.by_fold)
    threshold = support_threshold(made.texts, answers)
    artifact.save(
        output,
        model=open_classifier(made.final.directory)[0],
        tokenizer_directory=base,
        manifest=replace(made.manifest, provenance=_provenance(made, base, corpora)),
        half_precision=True,
        experts=made.experts,
        aspects=heads.of([x.name for x in QUESTIONS if x.name != "support"]),
        support=replace(heads.of(["support"]), threshold=threshold),
    )


def judged_posts(made: Made) -> JudgedPosts:
    """Our posts with predictions and answers that are out of fold in every respect."""
    posts = made.texts.material.posts
    judged = made.judged
    pairs = zip(judged.number.tolist(), judged.predictions, strict=True)
    ours = [(x, found) for x, found in pairs if x < len(posts)]
    answers = out_of_fold_answers(made.texts, made.by_fold)
    shown = np.zeros(len(made.texts.fold), dtype=bool)
    shown[judged.number] = [found.decision != "clear" for found in judged.predictions]
    return JudgedPosts(
        [posts[x] for x, _ in ours],
        [found for _, found in ours],
        answer_figures(made.texts, answers, shown),
    )


def _shift(
    texts: Texts, by_fold: Mapping[str, Outputs], final: Outputs, manifest: Manifest
) -> dict[str, float]:
    rows = texts.rows(np.flatnonzero(texts.fold == RESERVED))

    def mean(outputs: Outputs) -> Any:
        return risk_log_odds(expert_logits(outputs, EXPERTS)[:, rows], manifest.is_risk).mean(
            axis=0
        )

    moved = mean(final) - np.mean([mean(outputs) for outputs in by_fold.values()], axis=0)
    return dict(zip(EXPERTS, moved.tolist(), strict=True))


def _moved(stacker: Stacker, shift: Mapping[str, float]) -> Stacker:
    """For the final experts in place of the fold models."""
    moved = float(np.dot(stacker.risk, [shift[name] for name in stacker.experts]))
    return replace(stacker, bias=stacker.bias - moved)


def _provenance(made: Made, base: Path, corpora: Corpora) -> dict[str, Any]:
    material: Material = made.texts.material
    trained = material.posts_without(None)
    return {
        "licence": "Apache-2.0",
        "base": {
            file.stem: json.loads(file.read_text(encoding="utf-8"))
            for file in (base / "transplant.json", base / "adaptation.json")
            if file.is_file()
        },
        "posts": {
            "sha256": digest(trained),
            "count": dict(sorted(Counter(post.kind for post in trained).items())),
        },
        "natural": {
            "lines": {name: NATURAL_MIX[name] for name in sorted(NATURAL_MIX)},
            "corpora": origins(x for x in corpora.of("benign") if x.path.name in NATURAL_MIX),
        },
        "recipe": {"steps": STEPS, "stated": {x: dict(y) for x, y in STATED.items()}},
        "shift": dict(made.shift),
    }
