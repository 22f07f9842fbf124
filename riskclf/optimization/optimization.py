"""`optimize`: a model in, the same model with the files of a faster engine out."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import metadata, resources
from pathlib import Path

import numpy as np

from riskclf import artifact, probes
from riskclf.artifact import Artifact
from riskclf.encoder import ENGINE_FILES, PRECISIONS, load_engine
from riskclf.engines.openvino import import_openvino
from riskclf.errors import InputError
from riskclf.optimization.agreement import Agreement, compare
from riskclf.optimization.conversion import converted, import_nncf, quantised, save
from riskclf.optimization.sharing import is_16_bits, share_weights
from riskclf.progress import Progress, following
from riskclf.tables.sources import Columns, Data, UnlabelledPosts

__all__ = ["Optimized", "optimize"]

_ENGINE = "openvino"
_BATCH = 64

# More windows change nothing in the ranges that are measured on them.
_MEASURED = 300
# Enough for one changed decision in a thousand to be seen.
_COMPARED = 2000


@dataclass(frozen=True, slots=True)
class Optimized:
    """What was built."""

    directory: Path
    """A model that `RiskClassifier.load` opens."""
    precision: str
    size: int
    """Of the new files, in bytes."""
    agreement: Mapping[str, Agreement]
    """With PyTorch, by what the posts are called."""
    notes: Sequence[str]
    """On rows that could not be read."""


def optimize(
    model: str | os.PathLike[str] | None = None,
    *,
    output: str | os.PathLike[str],
    precision: str = PRECISIONS[0],
    calibration: Data | None = None,
    columns: Columns | None = None,
    compared: Mapping[str, Sequence[str]] | None = None,
    progress: Progress = None,
) -> Optimized:
    """Build the files with which OpenVINO computes a model, without importing torch.

    The model is written with them to `output`; `RiskClassifier.load` uses them where it can. What
    was compared with PyTorch is recorded in `riskclf.json`.

    Args:
        model: a riskclf model or its id on a hub; None is the packaged one.
        output: where to; a riskclf model that is there is replaced, also `model` itself.
        precision: "f32", which gives the scores of PyTorch and takes no second copy of the weights;
            "bf16", likewise, but computed in 16 bits on processors that have it; or "int8", for
            processors with VNNI or AMX (on others it is slower than f32), which changes some
            decisions and needs `pip install "riskclf[optimize]"`.
        calibration: posts like those that the model will read, without labels: what int8 is fitted
            to. A few hundred are enough. None takes posts that come with riskclf.
        columns: which column of `calibration` holds the text.
        compared: posts to compare with PyTorch, by a name for them; None takes up to 2,000 of
            `calibration`.
        progress: see `riskclf.progress`.

    Raises:
        ArtifactError: the model cannot be used.
        InputError: the precision is not known, or the calibration posts cannot be used.
        MissingExtra: a package is not installed.
        RiskclfError: `output` exists and is not a riskclf model.
    """
    if precision not in PRECISIONS:
        raise InputError(
            f"precision {precision!r} is not known; use one of: {', '.join(PRECISIONS)}"
        )
    import_openvino()
    if precision == "int8":
        import_nncf()
    artifact.check_place(output)
    texts, notes = _texts(calibration, (columns or Columns()).text)
    with following(progress) as tell, tempfile.TemporaryDirectory(prefix="riskclf-") as scratch:
        loaded = artifact.load(model, device="cpu", batch_size=_BATCH)
        tell("converting the model", 0, 1)
        made = converted(loaded.directory, precision)
        if precision == "int8":
            encodings = loaded.tokenizer.encode_batch(texts[:_MEASURED])
            tell(f"rounding to 8 bits, measured on {len(encodings):,} posts", 0, 1)
            made = quantised(made, [encoding.head.ids for encoding in encodings])
        files = {name: Path(scratch) / name for name in ENGINE_FILES[_ENGINE]}
        xml = next(iter(files.values()))
        if precision == "int8":
            save(made, xml, as_16_bits=False)
        else:
            weights = loaded.directory / "model.safetensors"
            save(made, xml, as_16_bits=is_16_bits(weights))
            share_weights(xml, weights)
            shutil.copyfile(weights, Path(scratch) / weights.name)
        shutil.copyfile(loaded.directory / "config.json", Path(scratch) / "config.json")
        faster = _with_engine(loaded, Path(scratch))
        agreement = {}
        for name, posts in (compared or {"calibration": texts[:_COMPARED]}).items():
            tell(f"comparing with PyTorch on {name}", 0, len(posts))
            agreement[name] = compare(loaded, faster, posts)
        tell("writing", 0, 1)
        built = {
            "precision": precision,
            "versions": {name: metadata.version(name) for name in _packages(precision)},
            "calibration": min(len(texts), _MEASURED) if precision == "int8" else 0,
            "agreement": {name: x.to_dict() for name, x in agreement.items()},
            "probes": _probes(faster),
        }
        size = sum(file.stat().st_size for file in files.values())
        artifact.copy(loaded, output, engine=_ENGINE, engine_files=files, built=built)
    return Optimized(Path(output), precision, size, agreement, notes)


def _texts(calibration: Data | None, column: str) -> tuple[list[str], list[str]]:
    """The texts in an order drawn by chance, always the same; and notes."""
    if calibration is None:
        column = "text"
        calibration = str(resources.files("riskclf") / "finetuning" / "replay.jsonl")
    with ExitStack() as stack:
        source = UnlabelledPosts(calibration, column, stack)
        texts = [row.values[column] for row in source]
        source.check_usable()
    order = np.random.default_rng(0).permutation(len(texts)).tolist()
    return [texts[index] for index in order], [note] if (note := source.unread()) else []


def _with_engine(loaded: Artifact, directory: Path) -> Artifact:
    engine = load_engine(
        directory,
        pad_id=loaded.tokenizer.pad_id,
        device="cpu",
        batch_size=_BATCH,
        name=_ENGINE,
    )
    return replace(loaded, engine=engine, engine_name=_ENGINE)


def _probes(faster: Artifact) -> list[dict[str, object]]:
    texts = [probe["text"] for probe in faster.raw["probes"]]
    found = probes.outputs(texts, faster.tokenizer, faster.engine, faster.experts)
    return probes.written(texts, found)


def _packages(precision: str) -> tuple[str, ...]:
    return ("openvino", "nncf") if precision == "int8" else ("openvino",)
