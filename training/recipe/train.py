"""Fine-tune on our posts and on natural benign lines, calibrate, and write the artifact.

A run that was interrupted resumes from its last checkpoint. Everything that touches text or logits
is the library's own.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from riskclf import artifact
from riskclf.finetuning import Example, TrainingConfig, train_classifier
from riskclf.labels import LABELS
from riskclf.progress import Progress
from training.posts.augment import Surroundings, vary
from training.posts.corpora import Corpora
from training.posts.post import Post, digest
from training.posts.rules import near_duplicates
from training.recipe.calibrate import calibrate
from training.recipe.replay import as_examples
from training.recipe.teachers import mean_probabilities

__all__ = [
    "NATURAL_MIX",
    "SURROUNDED",
    "build",
    "natural_lines",
    "train",
    "trained_on",
]

NATURAL_MIX: Mapping[str, int] = {
    "ja_sentences_tanaka.txt": 600,
    "ja_dialogue_asdc.txt": 400,
    "ja_sentences_common_voice.txt": 500,
    "ja_news_wikinews.txt": 500,
    "ja_law_youth.txt": 100,
    "ja_hard_negatives.txt": 300,
    "en_sentences_common_voice.txt": 500,
    "ko_reviews_nsmc.txt": 400,
    "zh_sentences_common_voice.txt": 300,
}
"""Benign lines in one draw from each corpus that may serve as benign training text."""

_REPEATS = 3
"""Each of our posts comes this often in an epoch, each time spelled differently."""

SURROUNDED = 0.25
"""Share of batches whose texts get ordinary lines around them."""

_LONGEST_LINE = 140
_SEED = 20261122


def natural_lines(corpora: Corpora, draws: int = 1) -> list[list[str]]:
    """The benign lines of `NATURAL_MIX`, without near-duplicates of any held-out line.

    Args:
        corpora: where they are drawn from.
        draws: how many different draws to make; a corpus that is too small repeats itself.

    Returns:
        The lines of each draw.

    Raises:
        InputError, FormatError: a corpus is missing or altered.
    """
    by_name = {source.path.name: source for source in corpora.of("benign")}
    rng = random.Random(_SEED)
    drawn: dict[str, str] = {}
    for name, count in NATURAL_MIX.items():
        lines = [line for line in by_name[name].lines() if len(line) <= _LONGEST_LINE]
        # A tenth more than needed, to make up for what is found to be a near-duplicate.
        wanted = draws * (count + count // 10)
        for number, line in enumerate(rng.sample(lines, min(wanted, len(lines)))):
            drawn[f"{name}:{number}"] = line
    held_out = {
        f"{source.path.name}:{number}": line
        for source in corpora.of("heldout")
        for number, line in enumerate(source.lines())
    }
    leaks = {ours for ours, _, _ in near_duplicates(drawn, held_out)}
    result: list[list[str]] = [[] for _ in range(draws)]
    for name, count in NATURAL_MIX.items():
        clean = [key for key in drawn if key.startswith(f"{name}:") and key not in leaks]
        endless = cycle(clean)
        for draw in result:
            draw += [drawn[key] for key in islice(endless, count)]
    return result


def train(
    base: Path,
    posts: Sequence[Post],
    natural: Sequence[Sequence[str]],
    checkpoints: Path,
    config: TrainingConfig,
    *,
    augmented: bool = True,
    surrounded: float = SURROUNDED,
    teachers: Sequence[Path] = (),
    progress: Progress = None,
) -> Any:
    """Fine-tune on the train split of `posts` and on draws of natural lines; returns the model.

    It stops early on the dev split. Several draws share the epochs: the run is as long as with one.
    Unless the texts are taken as they are, a share of the batches gets ordinary lines around them.
    Where there are teachers, their mean probabilities are the targets.
    """
    ours = as_examples(post for post in posts if post.split == "train")
    benign = (0.0, 0.0, 1.0)
    lines = [line for draw in natural for line in draw]
    natural_examples = [Example(line, benign) for line in lines]
    if teachers:
        texts = list(dict.fromkeys(example.text for example in (*ours, *natural_examples)))
        told = mean_probabilities(teachers, texts, checkpoints.parent / "teachers").tolist()
        taught = dict(zip(texts, map(tuple, told), strict=True))
        ours, natural_examples = (
            [Example(example.text, taught[example.text]) for example in examples]
            for examples in (ours, natural_examples)
        )
    examples = ours * _REPEATS * len(natural) + natural_examples
    config = replace(config, epochs=config.epochs / len(natural))
    surroundings = Surroundings(lines)

    def transform(texts: list[str], seed: int) -> list[str]:
        varied = [vary(text, seed + number) for number, text in enumerate(texts)]
        # A whole batch or none of it: otherwise every batch would be padded to its longest text.
        rng = random.Random(seed)
        if rng.random() >= surrounded:
            return varied
        count = rng.randint(1, 5)
        return [surroundings.add(text, seed + number, count) for number, text in enumerate(varied)]

    return train_classifier(
        base,
        examples,
        labels=LABELS,
        checkpoints=checkpoints,
        config=config,
        dev=as_examples(post for post in posts if post.split == "dev"),
        transform=transform if augmented else None,
        progress=progress,
    )


def trained_on(posts: Iterable[Post]) -> str:
    """Hash of the posts that a model learns from and is calibrated on."""
    return digest(post for post in posts if post.split in ("train", "calibration"))


def build(
    base: Path,
    sources: Corpora,
    output: Path,
    work: Path,
    config: TrainingConfig,
    *,
    posts: Sequence[Post],
    natural: Sequence[Sequence[str]],
    augmented: bool = True,
    surrounded: float = SURROUNDED,
    teachers: Sequence[Path] = (),
    progress: Progress = None,
) -> str:
    """Fine-tune, calibrate, and write the model directory; returns one line about it.

    Args:
        base: directory of the adapted base encoder.
        sources: the corpora.
        output: the artifact to write.
        work: directory for checkpoints.
        config: how to train.
        posts: ours.
        natural: draws of benign lines of the corpora.
        augmented: False trains on the texts as they are.
        surrounded: share of batches whose texts get ordinary lines around them.
        teachers: directories of models whose mean probabilities are the targets instead of the
            labels.
        progress: see `riskclf.progress`.
    """
    # Checkpoints know the posts, but not what is done to their texts.
    work = work / (f"surrounded-{surrounded:g}" if augmented else "plain")
    model = train(
        base,
        posts,
        natural,
        work,
        config,
        augmented=augmented,
        surrounded=surrounded,
        teachers=teachers,
        progress=progress,
    )
    # Of the weights as they are stored. Teachers answer about texts that they were trained on: a
    # bias fitted to posts that they have not seen would be wrong there.
    model = model.half().float()
    card = calibrate(model, base, posts, biased=bool(teachers))
    provenance = {
        "licence": "Apache-2.0",
        "base": {
            file.stem: json.loads(file.read_text(encoding="utf-8"))
            for file in (base / "transplant.json", base / "adaptation.json")
            if file.is_file()
        },
        "posts": {
            "sha256": trained_on(posts),
            "train": dict(sorted(Counter(p.kind for p in posts if p.split == "train").items())),
        },
        "natural": {
            source.path.name: {
                "lines": NATURAL_MIX[source.path.name],
                "licence": source.licence,
                "origin": source.origin,
            }
            for source in sources.of("benign")
            if source.path.name in NATURAL_MIX
        },
        "recipe": {
            **asdict(config),
            "repeats_of_our_posts": _REPEATS,
            "draws_of_natural_lines": len(natural),
            "surrounded": surrounded,
            "teachers": [teacher.name for teacher in teachers],
        },
        **card.provenance,
    }
    artifact.save(
        output,
        model=model,
        tokenizer_directory=base,
        manifest=replace(card, provenance=provenance),
        half_precision=True,
    )
    point = card.operating_points["standard"]
    return (
        f"{output}: temperature {card.temperature:.3f}, flag {point.flag:.3f}, "
        f"review {point.review:.3f}"
    )
