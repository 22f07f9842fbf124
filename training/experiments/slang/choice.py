"""How the mix of new and old posts was chosen: on half of the posts to learn from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from riskclf.engines.pytorch import open_classifier
from riskclf.finetuning import Example, training_config_for
from riskclf.finetuning.base import Base
from riskclf.finetuning.known import Known
from riskclf.finetuning.learning import Learned
from riskclf.finetuning.replay import training_mix
from riskclf.finetuning.vocabulary import extend, shattered_words
from riskclf.progress import Progress
from riskclf.tables.duplicates import near_duplicate_groups
from riskclf.tokens import Tokenizer
from training.experiments.slang.draws import drawn
from training.experiments.slang.experiment import SEEDS
from training.experiments.slang.measuring import Bench, scored
from training.experiments.slang.methods import between, fine_tuned, opened, pulled_back
from training.experiments.slang.report import CHOOSE_SIZE
from training.experiments.slang.results import Book, Results, run_key
from training.posts.post import Post
from training.recipe.replay import as_examples, replay_set

__all__ = [
    "VARIANTS",
    "Variant",
    "choose",
]


@dataclass(frozen=True)
class Variant:
    """One way to fine-tune."""

    name: str
    sample: tuple[int, int] | None = None
    """Size of the replay set: risky posts of each label, and benign posts."""
    answers: bool = False
    """The replay set's targets are the base's own probabilities instead of the labels."""
    pull: float = 0.0
    """See `pulled_back`."""
    share: float = 1.0
    """Weight of the new weights in their average with the base's; see `between`."""
    new_words: bool = False
    """The vocabulary gets tokens for words of the new posts."""

    @property
    def training(self) -> tuple[Any, ...]:
        """Variants that share this share a model."""
        return self.sample, self.answers, self.pull, self.new_words


VARIANTS = (
    Variant("new posts only"),
    Variant("new posts only, half way from the base", share=0.5),
    Variant("new posts only, 0.7 of the way from the base", share=0.7),
    Variant("new posts only, pulled back by 0.02", pull=0.02),
    Variant("new posts only, pulled back by 0.1", pull=0.1),
    Variant("50 of each risky label and 250 benign", sample=(50, 250)),
    Variant(
        "50 of each risky label and 250 benign, with the base's answers",
        sample=(50, 250),
        answers=True,
    ),
    Variant(
        "50 of each risky label and 250 benign, with the base's answers and new words",
        sample=(50, 250),
        answers=True,
        new_words=True,
    ),
    Variant("79 of each risky label and 450 benign", sample=(79, 450)),
    Variant("100 of each risky label and 800 benign", sample=(100, 800)),
)
"""What the mix was chosen from. All replay sets hold the unclear posts too."""


def choose(
    posts: Sequence[Post],
    base: Base,
    results: Path,
    *,
    variants: Sequence[Variant] = VARIANTS,
    progress: Progress = None,
    log: Callable[[str], None] = lambda line: None,
) -> Results:
    """Measure every variant on the half of `slang_learn` that it is not trained on, and old ones.

    Temperature and thresholds are the base's own. Arguments and errors are those of `experiment`.
    `slang_test` is not used.
    """
    known = Known.of(base)
    assert known is not None and base.manifest is not None
    seed = SEEDS[0]
    learn = [post for post in posts if post.split == "slang_learn"]
    fit = drawn(learn, CHOOSE_SIZE, seed)
    fitted = {post.id for post in fit}
    bench = Bench.of(base, [post for post in learn if post.id not in fitted], posts)
    new = as_examples(fit)
    first = scored(bench.old, bench.before)
    model_key = bench.before.fingerprint
    book = Book(results, "choose")
    if not book.has("before", key := run_key(model_key, "before", [], bench.posts)):
        found = bench.with_thresholds(bench.before, first)
        book.add("before", {"key": key, "minutes": 0.0, **found})
    trained: tuple[Any, Learned, float, Base] | None = None
    for variant in variants:
        old = [] if variant.sample is None else as_examples(replay_set(posts, *variant.sample))
        if variant.answers:
            old = known.answers([example.text for example in old])
        config = training_config_for(len(new), len(old), new_head=False, seed=seed)
        settings = (asdict(variant), config)
        key = run_key(model_key, settings, training_mix(new, old), bench.posts)
        if book.has(variant.name, key):
            continue
        log(variant.name)
        with tempfile.TemporaryDirectory() as scratch:
            if trained is None or trained[0] != variant.training or variant.new_words:
                start = _with_words(base, new, Path(scratch)) if variant.new_words else base
                with pulled_back(variant.pull) if variant.pull else nullcontext():
                    learned, minutes = fine_tuned(base, new, old, seed, progress, start.directory)
                trained = variant.training, learned, minutes, start
            _, learned, minutes, start = trained
            weights = learned.model.state_dict()
            if variant.share < 1:
                weights = open_classifier(base.directory)[0].state_dict()
            with (
                between(learned.model, weights, variant.share),
                opened(learned, start.directory, base.manifest) as after,
            ):
                figures = bench.with_thresholds(after, first)
        book.add(variant.name, {"key": key, "replayed": len(old), "minutes": minutes, **figures})
    book.write(book.results)
    return book.results


def _with_words(base: Base, new: Sequence[Example], scratch: Path) -> Base:
    """The base with tokens for the words of the new posts that its tokenizer shatters."""
    texts = [example.text for example in new]
    words = shattered_words(texts, near_duplicate_groups(texts), Tokenizer.load(base.directory))
    if not words:
        return base
    return Base(extend(base.directory, words, scratch / "base"), base.manifest)
