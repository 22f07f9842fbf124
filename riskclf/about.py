"""What a loaded model is: where from, which versions, which hashes."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from importlib import metadata
from typing import Any

from riskclf import __version__
from riskclf.artifact import Artifact
from riskclf.decide import OperatingPoint
from riskclf.mecab import dictionary_version
from riskclf.text import NORMALISER_VERSION

__all__ = ["described"]


def described(loaded: Artifact, point: OperatingPoint | None) -> dict[str, Any]:
    """A model, and the thresholds that are used, as JSON values."""
    return {
        "model": str(loaded.directory),
        "fingerprint": loaded.raw["digest"],
        "engine": loaded.engine_name,
        "device": loaded.engine.where,
        "thresholds": None if point is None else asdict(point),
        "max_tokens": loaded.tokenizer.max_tokens,
        "parameters": loaded.engine.parameters,
        "versions": {
            "riskclf": __version__,
            "normaliser": NORMALISER_VERSION,
            "dictionary": f"{loaded.tokenizer.dictionary} "
            f"{dictionary_version(loaded.tokenizer.dictionary)}",
            **{name: metadata.version(name) for name in ("torch", "transformers", "fugashi")},
            **_version("openvino"),
        },
        "saved_as": {name: x for name, x in loaded.raw.items() if name != "probes"},
    }


def _version(package: str) -> dict[str, str]:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return {package: metadata.version(package)}
    return {}
