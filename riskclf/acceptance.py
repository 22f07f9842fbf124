"""The warning that a fine-tuned model was not accepted."""

from __future__ import annotations

import warnings

from riskclf.artifact import Artifact
from riskclf.errors import RegressionWarning
from riskclf.language import Sentence

__all__ = ["warn_if_not_accepted"]


def warn_if_not_accepted(loaded: Artifact) -> None:
    """Warn whoever called the caller that a model was fine-tuned and not accepted.

    Warns:
        RegressionWarning: it was not; the message names its report.
    """
    if not loaded.manifest.accepted:
        warnings.warn(_not_accepted(loaded), RegressionWarning, stacklevel=3)


def _not_accepted(loaded: Artifact) -> Sentence:
    reports = [name for name in loaded.raw["files"] if name.endswith(".md")]
    here = [str(loaded.directory / name) for name in reports if (loaded.directory / name).is_file()]
    where = Sentence("its report is missing; ask the person who trained it")
    if here:
        where = Sentence("read {report}", report=here[0])
    return Sentence(
        "{model} was not accepted when it was fine-tuned, since it has lost what the model before "
        "it found: {what_to_do}",
        model=loaded.directory,
        what_to_do=where,
    )
