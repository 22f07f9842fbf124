"""What the recipe found out about our posts out of fold, kept in the work directory.

`training.recipe.out_of_fold` makes the predictions; `training.cards.report` makes figures of them.
The file names posts by their ids and holds no text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskclf.errors import FormatError, InputError
from riskclf.files import write_text
from riskclf.labels import Prediction
from training.posts.post import Post

__all__ = ["FILE", "JudgedPosts", "read_judged", "write_judged"]

FILE = "judged.json"
"""Its name in the work directory."""


@dataclass(frozen=True)
class JudgedPosts:
    """Posts of the folds with predictions that are out of fold in every respect."""

    posts: Sequence[Post]
    predictions: Sequence[Prediction]
    """In the order of the posts."""
    aspects: Mapping[str, Any]
    """Figures of the answers to the guide's questions, see `training.cards.tables`."""


def write_judged(work: Path, judged: JudgedPosts) -> None:
    """Write them into the work directory."""
    predictions = {
        post.id: found.to_dict()
        for post, found in zip(judged.posts, judged.predictions, strict=True)
    }
    content = {"predictions": predictions, "aspects": judged.aspects}
    work.mkdir(parents=True, exist_ok=True)
    write_text(work / FILE, json.dumps(content) + "\n")


def read_judged(work: Path, posts: Iterable[Post]) -> JudgedPosts:
    """Read them.

    Args:
        work: the work directory.
        posts: ours, in which the ids are looked up.

    Raises:
        InputError: there is no such file.
        FormatError: it names posts that are not there, or was not written by `write_judged`.
    """
    file = work / FILE
    if not file.is_file():
        raise InputError(f"{file} is missing: run `python -m training` with --work {work} first")
    by_id = {post.id: post for post in posts}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        predictions = {
            x: Prediction(**{**found, "reason_codes": tuple(found.get("reason_codes", ()))})
            for x, found in content["predictions"].items()
        }
        return JudgedPosts(
            [by_id[x] for x in predictions], list(predictions.values()), content["aspects"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{file} does not fit our posts ({type(error).__name__}: {error}): remove it and run "
            "`python -m training` again"
        ) from None
