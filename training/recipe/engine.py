"""Build the files of a faster engine for the packaged model, and compare it with PyTorch.

``python -m training.recipe.engine --corpora DIR`` does it in place, for a model that has just been
packaged. Held-out natural lines and our posts are compared; what was found is recorded in
`riskclf.json`. With ``--precision int8``, 8 bits are fitted to posts of the replay set and to
natural lines that may shape a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from riskclf import Label, optimize
from riskclf.encoder import PRECISIONS
from riskclf.finetuning.replay import load_our_posts
from riskclf.hub import locate
from riskclf.optimization import Agreement
from training.command import run_command
from training.posts.corpora import Corpora
from training.posts.post import Post, load_posts
from training.recipe.lines import choose_lines, seeded

__all__ = ["build", "calibration_texts", "main", "missed", "posts_to_compare"]

_CALIBRATION = 150
"""Posts, and as many natural lines."""
_NATURAL = 20_000
_SEED = 20261127

_MOST_CHANGED = 0.002
"""By how much recall and false positive rate may differ from those of PyTorch."""


def calibration_texts(corpora: Corpora) -> list[str]:
    """Posts and natural lines that 8 bits are fitted to."""
    posts = [post.text for post in load_our_posts() if post.part == "replay"]
    seeded(_SEED, "calibration").shuffle(posts)
    return [*posts[:_CALIBRATION], *choose_lines(corpora, _CALIBRATION, _SEED)]


def posts_to_compare(corpora: Corpora, posts: Sequence[Post]) -> dict[str, list[str]]:
    """Held-out natural lines, and our posts: those that are all risky, all benign, and the rest."""
    lines = [line for source in corpora.of("heldout") for line in source.lines()]
    seeded(_SEED, "natural").shuffle(lines)
    return {
        "natural lines": lines[:_NATURAL],
        "risky posts": [post.text for post in posts if post.risky],
        "benign posts": [post.text for post in posts if post.kind == Label.BENIGN],
        "unclear posts": [post.text for post in posts if len(post.target) > 1],
    }


def missed(agreement: Mapping[str, Agreement]) -> Iterator[str]:
    """What does not agree as it should, in words."""
    for name, found in agreement.items():
        changed = {
            "shown": found.shown - found.shown_by_pytorch,
            "flagged": found.flagged - found.flagged_by_pytorch,
        }
        for what, difference in changed.items():
            if abs(difference) > _MOST_CHANGED:
                yield f"{name}: {difference:+.2%} are {what}"
        if not found.suffices:
            yield (
                f"{name}: same label {found.same_label:.2%}, same decision "
                f"{found.same_decision:.2%}"
            )


def build(
    model: Path | None, corpora: Corpora, posts: Sequence[Post], output: Path, precision: str
) -> Mapping[str, Agreement]:
    """Build the files and compare.

    Args:
        model: a model directory; None is the packaged one.
        corpora: natural lines.
        posts: ours.
        output: where to.
        precision: see `riskclf.optimize`.
    """
    return optimize(
        model,
        output=output,
        precision=precision,
        calibration=[{"text": text} for text in calibration_texts(corpora)],
        compared={name: x for name, x in posts_to_compare(corpora, posts).items() if x},
        progress=True,
    ).agreement


def main(
    corpora: Annotated[Path, typer.Option(help="Directory of the public corpora.")],
    model: Annotated[
        Path | None, typer.Option(help="Model directory. Default: the packaged model.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to write the model. Default: in its place.")
    ] = None,
    precision: Annotated[str, typer.Option(help="f32, bf16 or int8.")] = PRECISIONS[0],
) -> None:
    """Build OpenVINO's files for a model, and compare it with PyTorch."""
    place = output or locate(model, ())
    found = build(model, Corpora.load(corpora), load_posts(), place, precision)
    for name, agreement in found.items():
        print(name, agreement.to_dict())
    targets = [*missed(found)]
    for line in targets:
        print(f"not reached: {line}")
    if targets:
        raise typer.Exit(1)


if __name__ == "__main__":
    run_command(main)
