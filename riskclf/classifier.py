"""`RiskClassifier`: a post in, a label out."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

from riskclf import __version__, artifact
from riskclf.artifact import Artifact
from riskclf.decide import (
    OperatingPoint,
    predictions_from_outputs,
    prior_shift,
    served_rows,
    windows_read,
)
from riskclf.encoder import AUTO
from riskclf.errors import NotText, OperatingPointError, RegressionWarning
from riskclf.labels import Prediction
from riskclf.text import NORMALISER_VERSION
from riskclf.tokens import dictionary_version

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RiskClassifier", "warn_if_not_accepted"]

# Posts are sorted by length within a chunk: larger chunks pad less, smaller ones hold less memory.
_BATCHES_PER_CHUNK = 16
_CHARACTERS_PER_CHUNK = 1 << 18


class RiskClassifier:
    """Labels short posts. Make one with `RiskClassifier.load()`.

    It holds no state between calls and sends nothing anywhere.
    """

    def __init__(
        self, loaded: Artifact, point: OperatingPoint | None = None, shift: float = 0.0
    ) -> None:
        """Wrap a loaded model; `load` does it from a directory.

        Args:
            loaded: the model.
            point: decides on the risk after `shift`; None is the model's first. A model without
                risk labels has none and takes none.
            shift: added to the log-odds of the risk, see `riskclf.decide.prior_shift`.
        """
        self._artifact, self._shift = loaded, shift
        self._point = None
        if loaded.manifest.risk_labels:
            points = loaded.manifest.operating_points
            self._point = point or _named_point(points, None).shifted(shift)

    @classmethod
    def load(
        cls,
        path_or_id: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        batch_size: int = 64,
        prevalence: float | None = None,
        operating_point: str | None = None,
        thresholds: Mapping[str, float] | None = None,
        engine: str = AUTO,
    ) -> RiskClassifier:
        """Load a model.

        Args:
            path_or_id: a directory that riskclf saved, or the id of one on a hub; None is the model
                that comes with the package, for which no network is used.
            device: a torch device such as "cpu" or "cuda:0"; "auto" takes a GPU where there is one.
            batch_size: posts that the model computes at once.
            prevalence: share of risky posts in your stream, such as 0.001. Probabilities and risks
                then belong to it instead of to the share that the model was calibrated at. The
                model's own operating points move along: labels and decisions stay as they are, but
                a flag is less often right where risky posts are rarer.
            operating_point: name of one of the model's operating points (`info()` lists them); None
                is its first.
            thresholds: your own instead, such as `{"flag": 0.9, "review": 0.5}`, on the risk as it
                is returned.
            engine: what computes the model: "pytorch"; "openvino", which is several times faster
                on Intel and AMD processors, and needs `pip install "riskclf[fast]"` and the files
                that `riskclf optimize` builds; or "auto": OpenVINO where all of that is there (on
                Linux, without an NVIDIA driver unless `device` is "cpu"), else PyTorch. `info()`
                says which it is.

        Raises:
            ArtifactError: the model is missing, damaged, or computes something else here.
            TokenizerError: its tokenizer or its dictionary cannot be used.
            InputError: `prevalence` does not lie between 0 and 1; or the engine cannot be used with
                this model or this device.
            MissingExtra: the package of the engine is not installed.
            OperatingPointError: there is no such operating point, the thresholds are not usable, or
                the model has no risk labels, so that there is nothing for these three to decide.

        Warns:
            RegressionWarning: the model was fine-tuned and not accepted.
        """
        loaded = artifact.load(path_or_id, device=device, batch_size=batch_size, engine=engine)
        warn_if_not_accepted(loaded)
        if not loaded.manifest.risk_labels:
            if (prevalence, operating_point, thresholds) != (None, None, None):
                raise OperatingPointError(
                    f"{loaded.directory} has no risk labels: it takes no prevalence, no operating "
                    "point and no thresholds; leave them out"
                )
            return cls(loaded)
        shift = 0.0
        if prevalence is not None:
            shift = prior_shift(loaded.manifest.prevalence, prevalence)
        if thresholds is None:
            point = _named_point(loaded.manifest.operating_points, operating_point).shifted(shift)
        elif operating_point is not None:
            raise OperatingPointError("give an operating point or thresholds, not both")
        else:
            point = _own_point(thresholds)
        return cls(loaded, point, shift)

    def predict(self, post: str) -> Prediction:
        """Label one post.

        Raises:
            NotText: `post` is not a str.
        """
        if not isinstance(post, str):
            raise NotText(
                f"predict() takes one str, not {type(post).__name__}; for several posts call "
                "predict_many(posts)"
            )
        return self.predict_many([post])[0]

    def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
        """Label posts: always a list, in the order of the posts.

        Raises:
            NotText: `posts` is a single str, or one of them is not a str.
        """
        return list(self.stream(posts))

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        """Label any number of posts in bounded memory, in their order.

        Some thousand posts are read ahead, to compute those of like length together.

        Raises:
            NotText: `posts` is a single str, or one of them is not a str.
        """
        return (prediction for prediction, _ in self.stream_with_vectors(posts))

    def stream_with_vectors(
        self, posts: Iterable[str]
    ) -> Iterator[tuple[Prediction, NDArray[np.float32]]]:
        """Like `stream`, with a vector of each post from the same computation.

        Yields:
            The prediction, and the pooled vector of the window that decides, shape (hidden,).

        Raises:
            NotText: `posts` is a single str, or one of them is not a str.
        """
        if isinstance(posts, str):
            raise NotText("a single str was given where posts were expected: call predict(post)")
        return self._stream(iter(posts))

    def save(
        self,
        directory: str | os.PathLike[str],
        *,
        thresholds: Mapping[str, float] | None = None,
    ) -> None:
        """Write the model, so that `load` and transformers can open it.

        Args:
            directory: where to; a riskclf model that is there is replaced.
            thresholds: your own, such as `{"flag": 0.9, "review": 0.5}`, on the risk as this
                classifier returns it. They become the operating point `own`, which is used unless
                another is asked for.

        Raises:
            RiskclfError: `directory` exists and is not a riskclf model.
            OperatingPointError: the thresholds are not usable, or the model has no risk labels.
        """
        point = None
        if thresholds is not None:
            if not self.risk_labels:
                raise OperatingPointError(
                    f"{self._artifact.directory} has no risk labels: it takes no thresholds"
                )
            # Stored at the base rate that the model was calibrated at.
            point = _own_point(thresholds).shifted(-self._shift)
        artifact.copy(self._artifact, directory, point)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the model's logits."""
        return self._artifact.manifest.labels

    @property
    def risk_labels(self) -> tuple[str, ...]:
        """Those of `labels` that are risks."""
        return self._artifact.manifest.risk_labels

    @property
    def fingerprint(self) -> str:
        """SHA-256 that stands for the whole model: its files, thresholds, normaliser and so on."""
        return str(self._artifact.raw["digest"])

    def info(self) -> dict[str, Any]:
        """What this model is, as JSON values: where from, which versions, which hashes."""
        loaded = self._artifact
        saved_as = {name: x for name, x in loaded.raw.items() if name != "probes"}
        return {
            "model": str(loaded.directory),
            "fingerprint": self.fingerprint,
            "engine": loaded.engine_name,
            "device": loaded.engine.where,
            "thresholds": None if self._point is None else asdict(self._point),
            "max_tokens": loaded.tokenizer.max_tokens,
            "parameters": loaded.engine.parameters,
            "versions": {
                "riskclf": __version__,
                "normaliser": NORMALISER_VERSION,
                "dictionary": f"{loaded.tokenizer.dictionary} "
                f"{dictionary_version(loaded.tokenizer.dictionary)}",
                **{name: metadata.version(name) for name in ("torch", "transformers", "fugashi")},
                **({"openvino": found} if (found := _openvino_version()) else {}),
            },
            "saved_as": saved_as,
        }

    def _stream(self, posts: Iterator[str]) -> Iterator[tuple[Prediction, NDArray[np.float32]]]:
        size = self._artifact.engine.batch_size * _BATCHES_PER_CHUNK
        chunk: list[str] = []
        characters = 0
        for number, post in enumerate(posts, start=1):
            if not isinstance(post, str):
                raise NotText(f"post number {number} is not a str but {type(post).__name__}")
            chunk.append(post)
            characters += len(post)
            if len(chunk) == size or characters >= _CHARACTERS_PER_CHUNK:
                yield from self._predict(chunk)
                chunk, characters = [], 0
        if chunk:
            yield from self._predict(chunk)

    def _predict(self, posts: list[str]) -> Iterator[tuple[Prediction, NDArray[np.float32]]]:
        """The main path: text -> windows of ids -> outputs -> predictions."""
        manifest = self._artifact.manifest
        encodings = self._artifact.tokenizer.encode_batch(posts)
        windows = [x for read in windows_read(encodings, manifest) for x in read]
        computed = self._artifact.engine.compute([window.ids for window in windows])
        outputs = self._artifact.experts.complete(windows, computed)
        predictions = predictions_from_outputs(
            encodings, outputs, manifest, self._point, shift=self._shift
        )
        rows = served_rows(encodings, outputs, manifest)
        return zip(predictions, outputs.pooled[rows], strict=True)


def _openvino_version() -> str | None:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version("openvino")
    return None


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


def _own_point(thresholds: Mapping[str, float]) -> OperatingPoint:
    if set(thresholds) != {"flag", "review"}:
        raise OperatingPointError('thresholds must be {"flag": ..., "review": ...}')
    return OperatingPoint(**thresholds)


def _named_point(points: Mapping[str, OperatingPoint], name: str | None) -> OperatingPoint:
    if name is None:
        return next(iter(points.values()))
    if name not in points:
        raise OperatingPointError(
            f"the model has no operating point {name!r}: it has {', '.join(points)}"
        )
    return points[name]
