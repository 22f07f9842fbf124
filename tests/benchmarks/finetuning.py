"""How long `riskclf.finetune` takes on 200 posts, with its cross-validation::

python -m tests.benchmarks.finetuning

The posts are ours, of all labels; the packaged model knows most of them, which changes no time.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch
import typer

from riskclf import finetune
from training.command import run_command
from training.posts.post import load_posts, rows

POSTS = 200

__all__ = ["main"]


def main() -> None:
    """Fine-tune the packaged model once, and print the minutes."""
    labelled = [post for post in load_posts() if post.labelled]
    chosen = labelled[:: len(labelled) // POSTS][:POSTS]
    with tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        found = finetune(
            list(rows(chosen)),
            output=Path(scratch) / "model",
            accept_regression=True,
            device="cpu",
            progress=True,
        )
        minutes = (time.monotonic() - began) / 60
    typer.echo(
        f"{len(chosen)} posts: {minutes:.1f} minutes on {torch.get_num_threads()} threads "
        f"({'accepted' if found.accepted else 'not accepted'})"
    )


if __name__ == "__main__":
    run_command(main)
