"""Does fine-tuning teach new slang, and is the old kept?

Six invented terms stand for new slang. ``python -m training.experiments.slang`` fine-tunes the
packaged model on 4, 8, 16 and 32 posts a term (half of them risky; all terms in one run), exactly
as `riskclf.finetune` does. It is measured before and after, on other posts with the same terms
(`slang_test`) and on old ones (the gate). There are three seeds: each draws other posts and is the
seed of the training. On the same draws, two other methods are measured: TF-IDF trained from
scratch, and SetFit (Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts") on the
packaged encoder. They have no thresholds, so the three are compared by label and by average
precision.

``python -m training.experiments.slang --choose`` compares mixes of new and old posts: trained on
half of `slang_learn`, measured on its other half and on old posts. It does not use `slang_test`.
The figures on old posts are optimistic, for the mix was chosen on them.

The first command needs ``pip install setfit``. Finished runs are kept in `slang.json`, so an
interrupted command continues. A run is repeated when the model, the posts or the settings change. A
new model leaves the choice as it was, until `--choose` is given.

**Intervals.** A proportion of one run has Wilson's interval. The mean over seeds has Wilson's
interval for its value and the number of posts of *one* run: three models that answer on one post
are not three posts. For other figures (macro-F1, paired differences) the ends of the runs'
intervals are averaged: as wide as if the errors of all seeds were the same. All of them are about
other posts with these six terms; six are too few to say how terms differ.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from riskclf.files import write_bytes, write_text
from riskclf.finetuning.base import locate_base
from training.command import run_command
from training.experiments.slang.choice import choose
from training.experiments.slang.experiment import experiment
from training.experiments.slang.report import FIGURE, PAGE, documents, plot
from training.experiments.slang.results import RESULTS
from training.posts.post import load_posts

__all__ = ["main"]


def main(
    choosing: Annotated[
        bool, typer.Option("--choose", help="Compare mixes on slang_learn and old posts instead.")
    ] = False,
) -> None:
    """Fine-tune on invented slang and measure; writes slang.json and the pages in docs/."""
    console = Console(stderr=True)
    base = locate_base(None)
    run = choose if choosing else experiment
    results = run(load_posts(), base, RESULTS, progress=True, log=console.log)
    if not {"choose", "means"} <= set(results):
        return  # the other half is still to be run
    written = documents(PAGE.read_text(encoding="utf-8"), results)
    write_bytes(FIGURE, plot(results))
    for path, text in written.items():
        write_text(path, text)


if __name__ == "__main__":
    run_command(main)
