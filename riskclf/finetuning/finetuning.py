"""`finetune`: new posts in, a model that knows them out, and a check of what it lost.

::

    from riskclf import finetune

    result = finetune("new_posts.csv", output="my-model")   # from the packaged model
    result.accepted, result.report.reasons

The stages, in this order:

1. The posts are read and checked against each other (`riskclf.finetuning.data`).
2. Cross-validation (`riskclf.finetuning.folds`): five models, each trained without a fifth of the
   posts, show how good such a model is on posts that it has not seen.
3. The model is trained on all posts: its transformer, its n-gram expert and its neighbours
   (`riskclf.finetuning.learning`). If it keeps the labels of the packaged model, a replay set of
   our own posts is mixed in (`riskclf.finetuning.replay`) with the base's answers
   (`riskclf.finetuning.known`): without it, the model forgets. A quick run leaves the transformer
   as it is.
4. The gate (`riskclf.finetuning.gate`) compares before and after, on the new posts and on old ones.
   A model that has become worse on the old posts is written, but marked as not accepted.

An interrupted run continues when the same call is made again: finished folds are not trained again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from riskclf import artifact
from riskclf.disk import naming
from riskclf.errors import InputError
from riskclf.files import locked, private_directory
from riskclf.finetuning.figures import NewWords, Report, Split
from riskclf.finetuning.folds import cross_validate, plan, split, word_gain
from riskclf.finetuning.job import prepare
from riskclf.finetuning.learning import Trainings
from riskclf.finetuning.manifest import is_half_precision, manifest_for, provenance
from riskclf.finetuning.measure import measure
from riskclf.finetuning.report import markdown
from riskclf.finetuning.vocabulary import extend, shattered_words
from riskclf.language import gettext as _
from riskclf.language import ngettext, speaking
from riskclf.progress import Progress, following
from riskclf.tables import Columns, Data, Reject
from riskclf.tokens import Tokenizer

__all__ = ["FineTuning", "finetune"]


@dataclass(frozen=True)
class FineTuning:
    """What `finetune` made."""

    directory: Path
    """The model: an artifact that `RiskClassifier.load` and transformers open."""

    accepted: bool
    """The gate accepted it, or the user accepted the regression."""

    report: Report
    """Figures before and after, without text of a post; in the artifact too, as JSON."""

    rejects: Sequence[Reject] = field(repr=False)
    """The rows that could not be used, with the reason."""


def finetune(
    data: Data,
    *,
    base: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str],
    columns: Columns | None = None,
    label_map: Mapping[str, str] | None = None,
    natural: Data | None = None,
    risk_labels: Sequence[str] | None = None,
    new_words: bool = False,
    quick: bool = False,
    accept_regression: bool = False,
    seed: int = 0,
    lang: str = "en",
    device: str = "auto",
    batch_size: int = 64,
    progress: Progress = None,
) -> FineTuning:
    """Train a model on new posts, measure what it gained and lost, and write it.

    Args:
        data: labelled posts, as for `riskclf.evaluate`: a CSV, TSV, JSON Lines, Excel or Parquet
            file, a data frame (pandas, polars, Arrow), a `datasets.Dataset`, or any rows as
            mappings. 16 posts with a new term are enough.
        base: None is the packaged model; or a directory or hub id of a riskclf model, or of any
            BERT with a `BertJapaneseTokenizer` (MeCab words and WordPiece).
        output: the model directory to write; a riskclf model that is there is replaced.
        columns: names of the columns, where they are not `text`, `label` and `family`.
        label_map: your label to the model's (or to `unclear`).
        natural: ordinary posts of yours, in the same formats without labels, or a .txt file with
            one a line: how many of them are flagged before and after. They are not trained on, and
            those that cannot be read are left out.
        risk_labels: gives the model the labels of `data` instead of the base's, and says which of
            them are risks; an empty list for none.
        new_words: words that the tokenizer splits into pieces, and that occur in five or more
            posts, become tokens if that helps on held-out posts. It doubles the time.
        quick: train only what learns in seconds: the n-gram expert, and the neighbours, to which
            the new posts are added. The transformer stays as it is. The base must have both, and
            its labels are kept.
        accept_regression: accept the model whatever the gate finds; this is recorded.
        seed: of the folds, the order and new weights.
        lang: language of the report: "en" or "ja".
        device: where to compute: "cpu", a torch device such as "cuda:0", or "auto", a GPU where
            there is one. Training takes CUDA's first GPU, or the CPU.
        batch_size: posts that are computed at once when posts are scored.
        progress: None, True or a callback, see `riskclf.progress`. It is told the expected minutes,
            then the stage and the training steps of all models together.

    Returns:
        The model and its report. The model is not accepted if it has become worse on old posts.

    Raises:
        ArtifactError, TokenizerError: the base cannot be used.
        InputError: the data, a column or an option cannot be used, or another run is writing
            `output`; `quick` is given with `new_words`, with other labels, or with a base that
            has no n-gram expert and no neighbours.
        EvaluationError: there are too few posts.
        RiskclfError: `output` exists and is not a riskclf model.
    """
    if quick and new_words:
        raise InputError(
            "a quick run leaves the transformer and its vocabulary as they are: give --quick or "
            "--new-words, not both"
        )
    place = Path(output)
    with speaking(lang), locked(place), naming(place), following(progress) as show:
        show(_("reading posts"), 0, None)
        job = prepare(
            data,
            base,
            output=place,
            columns=columns or Columns(),
            label_map=dict(label_map or {}),
            natural=natural,
            risk_labels=risk_labels,
            seed=seed,
            device=device,
            batch_size=batch_size,
            quick=quick,
        )
        posts, start = job.posts, job.base.directory
        folds = split(posts, seed)
        private_directory(job.work)
        words = []
        if new_words:
            words = shattered_words(posts.texts, posts.alike, Tokenizer.load(start))
        plain, extended = plan(job, start, folds), []
        if words:
            extended = plan(job, extend(start, words, job.work / "new-words"), folds)
        left = [len(fold.new) for fold in (*plain, *extended) if not fold.finished]
        if finished := len(plain) + len(extended) - len(left):
            continuing = ngettext(
                "continuing the run that was stopped: {count} training is finished",
                "continuing the run that was stopped: {count} trainings are finished",
                finished,
            )
            show(continuing.format(count=finished), 0, 0)
        trainings = Trainings(job, [*left, len(posts)], show)
        trainings.estimate(start)
        held_out = cross_validate(job, plain, trainings, _("cross-validation"))
        compared = None
        if extended:
            stage = _("cross-validation with new words")
            with_words = cross_validate(job, extended, trainings, stage)
            compared = word_gain(job, held_out, with_words)
            if compared.helps:
                start, held_out = extended[0].start, with_words
            else:
                words = []
        manifest = manifest_for(job, held_out)
        learned = trainings.learn(start, job.examples(), _("final training"))
        aspects = support = None
        if job.known is not None and job.keeps_labels:
            aspects, support = job.known.parted(learned.heads)
        else:
            learned = learned.with_experts(
                () if manifest.stacker is None else manifest.stacker.experts
            )
        show(_("measuring"), 0, None)
        report = measure(
            job,
            manifest,
            held_out,
            lambda texts: learned.compute(texts, manifest).predictions(manifest),
            split=Split(len(folds), len(held_out.rows)),
            new_words=NewWords(len(words), compared),
            accept_regression=accept_regression,
        )
        artifact.save(
            place,
            model=learned.model,
            tokenizer_directory=start,
            manifest=replace(
                manifest, accepted=report.accepted, provenance=provenance(job, report)
            ),
            half_precision=is_half_precision(job.base.directory),
            experts=learned.experts,
            aspects=aspects,
            support=support,
            reports={
                "finetuning.json": json.dumps(report.to_dict(), ensure_ascii=False, indent=1)
                + "\n",
                "finetuning.md": markdown(report),
            },
        )
        shutil.rmtree(job.work, ignore_errors=True)
    return FineTuning(place, report.accepted, report, posts.rejects)
