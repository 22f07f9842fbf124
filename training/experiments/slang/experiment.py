"""The experiment: every method, number of posts and seed is trained and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from riskclf.experts import NO_EXPERTS
from riskclf.finetuning import training_config_for
from riskclf.finetuning.base import Base
from riskclf.finetuning.known import Known
from riskclf.finetuning.replay import training_mix
from riskclf.progress import Progress
from training.experiments.slang.draws import drawn, is_cue_free, packaged_replay_set
from training.experiments.slang.measuring import Bench, scored
from training.experiments.slang.methods import (
    fine_tuned,
    opened,
    require_setfit,
    setfit_probabilities,
    tfidf_probabilities,
)
from training.experiments.slang.report import METHODS
from training.experiments.slang.results import Book, Results, means, run_key
from training.posts.post import FOLDS, Post
from training.recipe.replay import as_examples

__all__ = [
    "SEEDS",
    "SIZES",
    "experiment",
]

SIZES = (4, 8, 16, 32)
"""Posts a term, half of them risky."""

SEEDS = (0, 1, 2)
"""Each draws other posts and is the seed of the training."""


def experiment(
    posts: Sequence[Post],
    base: Base,
    results: Path,
    *,
    sizes: Sequence[int] = SIZES,
    seeds: Sequence[int] = SEEDS,
    progress: Progress = None,
    log: Callable[[str], None] = lambda line: None,
) -> Results:
    """Run what is not yet in the results file, and write it after each run.

    Args:
        posts: ours.
        base: the model to fine-tune; one with a manifest.
        results: the file.
        sizes: posts a term.
        seeds: of the draws and the trainings.
        progress: see `riskclf.progress`; told of each training.
        log: told what begins.

    Returns:
        The content of the file: model (fingerprint), counts, runs, means, and what `choose` wrote.

    Raises:
        MissingExtra: SetFit is not installed.
        FormatError: the results file is not JSON.
    """
    require_setfit()
    known = Known.of(base)
    assert known is not None
    learn = [post for post in posts if post.split == "slang_learn"]
    bench = Bench.of(base, [post for post in posts if post.split == "slang_test"], posts)
    sample = packaged_replay_set()
    old = {
        "tfidf": as_examples([post for post in posts if post.fold in FOLDS and post.labelled]),
        "ours": known.answers([example.text for example in sample]),
    }
    old["quick"] = old["ours"]
    first = scored(bench.old, bench.before)
    texts = [post.text for post in bench.posts]
    model_key = bench.before.fingerprint
    book = Book(results, "runs")
    book.results["model"] = model_key
    book.results.pop("means", None)
    book.results["counts"] = _counts(learn, bench)

    def run(method: str, size: int, seed: int) -> None:
        new = as_examples(drawn(learn, size, seed))
        learnt = training_mix(new, old.get(method, sample))
        settings: Mapping[str, Any] = {
            "ours": training_config_for(len(new), len(sample), new_head=False, seed=seed),
            "setfit": (seed,),
        }
        key = run_key(model_key, (method, settings.get(method)), learnt, bench.posts)
        name = f"{method}, {size} a term, seed {seed}"
        if book.has(name, key):
            return
        log(name)
        if method not in ("ours", "quick"):
            if method == "setfit":
                scores, minutes = setfit_probabilities(base, learnt, texts, seed)
            else:
                scores, minutes = tfidf_probabilities(learnt, texts)
            figures = bench.by_label(scores)
        elif size:
            learned, minutes = fine_tuned(
                base, new, old["ours"], seed, progress, quick=method == "quick"
            )
            assert base.manifest is not None
            with opened(learned, base.directory, base.manifest) as after:
                figures = bench.with_thresholds(after, first)
        else:
            minutes, figures = 0.0, bench.with_thresholds(bench.before, first)
        of = {"method": method, "size": size, "seed": seed, "key": key, "minutes": minutes}
        book.add(name, of | figures)

    # Without n-grams and neighbours, nothing learns in a quick run.
    has_experts = known.loaded.experts != NO_EXPERTS
    compared = [x for x in METHODS if has_experts or x != "quick"]
    for method in compared:
        if method not in ("quick", "setfit"):  # they are not measured without new posts
            run(method, 0, seeds[0])
    for size in sizes:
        for seed in seeds:
            for method in compared:
                if method != "setfit" or seed == seeds[0]:  # it takes twice as long as ours
                    run(method, size, seed)
    book.results["means"] = means(book.runs)
    book.write(book.results)
    return book.results


def _counts(learn: Sequence[Post], bench: Bench) -> dict[str, Any]:
    return {
        name: {
            "posts": len(posts),
            "risky": sum(post.risky for post in posts),
            "cue_free": sum(is_cue_free(post) for post in posts if post.term),
        }
        for name, posts in {"learn": learn, "new": bench.new, "old": bench.old}.items()
    }
