"""The warning that a fine-tuned model was not accepted."""

from __future__ import annotations

import warnings

from riskclf.artifact import Artifact
from riskclf.errors import RegressionWarning

__all__ = ["warn_if_not_accepted"]


def warn_if_not_accepted(loaded: Artifact) -> None:
    """Warn whoever called the caller that a model was fine-tuned and not accepted.

    Warns:
        RegressionWarning: it was not; the message names its report.
    """
    if not loaded.manifest.accepted:
        warnings.warn(_not_accepted(loaded), RegressionWarning, stacklevel=3)


def _not_accepted(loaded: Artifact) -> str:
    reports = [name for name in loaded.raw["files"] if name.endswith(".md")]
    here = [str(loaded.directory / name) for name in reports if (loaded.directory / name).is_file()]
    where = f"read {here[0]}" if here else "its report is missing; ask the person who trained it"
    return (
        f"{loaded.directory} was not accepted when it was fine-tuned, since it has lost what the "
        f"model before it found: {where}"
    )
