"""`RiskClassifier`: a post in, a label out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, overload

from riskclf import artifact, publishing
from riskclf.about import described
from riskclf.acceptance import warn_if_not_accepted
from riskclf.artifact import Artifact
from riskclf.cascade import NO_VECTOR, FirstStage
from riskclf.decide import OperatingPoint, decisive, predictions_with_rows, windows_read
from riskclf.encoder import AUTO
from riskclf.errors import OperatingPointError
from riskclf.inputs import checked_post, checked_posts, in_chunks
from riskclf.labels import UNREAD_CODES, Explanation, Prediction, Scenario
from riskclf.pickling import Origin, opened
from riskclf.reading import Reading, read
from riskclf.repeats import Recent, key_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from riskclf.encoder import Outputs
    from riskclf.tokens import Encoding

    _Scored = tuple[Prediction, NDArray[np.float32]]

__all__ = ["RiskClassifier"]

# Posts are sorted by length within a chunk: larger chunks pad less, smaller ones hold less memory.
_BATCHES_PER_CHUNK = 16
_CHARACTERS_PER_CHUNK = 1 << 18
# Few posts of a chunk are left to the second stage of a cascade.
_MORE_IN_CASCADE = 8

_EXPLAINED_AT_ONCE = 32


class RiskClassifier:
    """Labels short posts. Make one with `RiskClassifier.load()`.

    It never changes and sends nothing anywhere. Call `classifier(post)` for one `Prediction`, and
    `classifier(posts)` for a list of them. Posts are any iterable of str: a list, a generator, a
    pandas or polars Series, a NumPy array, or a column of an Arrow table or of a
    `datasets.Dataset`, which may call it in `map`.

    Threads may share one. Other processes get one by pickling (`multiprocessing` with spawn,
    joblib, Spark): the directory or hub id is sent, and the model there must have the same
    fingerprint. A forked process inherits it and computes on one thread; on a GPU, do not fork:
    load it in each process. One thread a process is best where several processes work side by
    side:

    - gunicorn, uvicorn: `load(threads=1)`, as many workers as cores. Load it before the fork
      (`preload_app`), and the workers share its memory.
    - Celery: load it once for each worker process, in `worker_process_init`.
    - Airflow: load it in the task, not where the DAG is defined.
    """

    def __init__(
        self,
        loaded: Artifact,
        point: OperatingPoint | None = None,
        shift: float = 0.0,
        cascade: bool = False,
    ) -> None:
        """Wrap a loaded model; `load` does it from a directory.

        Args:
            loaded: the model.
            point: decides on the risk after `shift`; None is the model's first. A model without
                risk labels has none and takes none.
            shift: added to the log-odds of the risk, see `riskclf.decide.prior_shift`.
            cascade: see `load`.
        """
        self._artifact, self._shift = loaded, shift
        self._first_stage = FirstStage(loaded) if cascade else None
        self._origin: Origin | None = None
        self._point = None
        if loaded.manifest.risk_labels:
            self._point = point or loaded.manifest.point().shifted(shift)

    @classmethod
    def load(
        cls,
        path_or_id: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        batch_size: int = 64,
        threads: int | None = None,
        revision: str | None = None,
        prevalence: float | None = None,
        operating_point: str | None = None,
        thresholds: Mapping[str, float] | None = None,
        engine: str = AUTO,
        cascade: bool = False,
        public_key: str | os.PathLike[str] | None = None,
    ) -> RiskClassifier:
        """Load a model.

        Args:
            path_or_id: a directory that riskclf saved, or the id of one on a hub; None is the model
                that comes with the package, for which no network is used.
            device: a torch device such as "cpu" or "cuda:0"; "auto" takes a GPU where there is one.
            batch_size: posts that the model computes at once.
            threads: how many the engine uses on the CPU while this model computes; None leaves it
                to the engine, which takes all cores. Give 1 where several processes work side by
                side.
            revision: branch, tag or commit of a hub id, such as "main".
            prevalence: share of risky posts in your stream, such as 0.001. Probabilities and risks
                then belong to it instead of to the share that the model was calibrated at. The
                model's own operating points move along: labels and decisions stay as they are, but
                a flag is less often right where risky posts are rarer.
            operating_point: name of one of the model's operating points (`info()` lists them); None
                is its first.
            thresholds: your own instead, such as `{"flag": 0.9, "review": 0.5}`, on the risk as it
                is returned.
            engine: what computes the model: "pytorch"; "openvino", which starts faster on Intel and
                AMD processors and imports no torch, and needs `pip install "riskclf[fast]"` and the
                files that `riskclf optimize` builds; or "auto": OpenVINO where all of that is there
                (on Linux, without an NVIDIA driver unless `device` is "cpu"), else PyTorch.
                `info()` says which it is.
            cascade: for millions of mostly ordinary posts. The model's n-gram expert reads all of
                them, which is cheap, and the transformer only those that it does not clear. A post
                that it clears has the reason code `ngrams_only`, and a risk by n-grams alone. What
                this gains and loses: docs/performance.md.
            public_key: file of the public key that must have signed the model (`riskclf sign`).
                None: the key that the environment variable RISKCLF_PUBLIC_KEY names, for every
                model but the packaged one; where there is none, no signature is needed. Needs
                `pip install "riskclf[sign]"`.

        Raises:
            ArtifactError: the model is missing, damaged, computes something else here, or is not
                signed by the key (`SignatureError`).
            TokenizerError: its tokenizer or its dictionary cannot be used.
            InputError: `prevalence` does not lie between 0 and 1, `batch_size` or `threads` is less
                than 1, there is a `revision` and no hub id, the engine cannot be used with this
                model or this device, or the model has no first stage for a cascade.
            MissingExtra: the package of the engine, or the one for signatures, is not installed.
            OperatingPointError: there is no such operating point, the thresholds are not usable, or
                the model has no risk labels, so that there is nothing for these three to decide.

        Warns:
            RegressionWarning: the model was fine-tuned and not accepted.
        """
        loaded = artifact.load(
            path_or_id,
            device=device,
            batch_size=batch_size,
            engine=engine,
            revision=revision,
            threads=threads,
            public_key=public_key,
        )
        warn_if_not_accepted(loaded)
        origin = Origin.of(
            loaded, path_or_id, revision=revision, device=device, threads=threads, engine=engine
        )
        point, shift = decisive(
            loaded.manifest, loaded.directory, prevalence, operating_point, thresholds
        )
        return cls(loaded, point, shift, cascade)._from(origin)

    @overload
    def __call__(self, posts: str) -> Prediction: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, posts: Iterable[str]) -> list[Prediction]: ...

    def __call__(self, posts: str | Iterable[str]) -> Prediction | list[Prediction]:
        """`predict` for a str, `predict_many` for all else."""
        return self.predict(posts) if isinstance(posts, str) else self.predict_many(posts)

    def predict(self, post: str) -> Prediction:
        """Label one post.

        Raises:
            NotText: `post` is not a str.
        """
        return self.predict_many([checked_post(post)])[0]

    def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
        """Label posts: always a list, in the order of the posts.

        Raises:
            NotText: `posts` is a single str or a whole table, or one of them is not a str.
        """
        return [prediction for prediction, _ in self._stream(checked_posts(posts))]

    def predict_proba(self, posts: Iterable[str]) -> NDArray[np.float64]:
        """The calibrated probabilities of posts, as scikit-learn gives them.

        Returns:
            Shape (posts, labels), in the order of the posts and of `labels`; each row adds up to 1.
            Not the highest of them decides, but thresholds: see `predict_many`.

        Raises:
            NotText: as for `predict_many`.
        """
        import numpy as np

        found = self._stream(checked_posts(posts, "predict_proba"))
        rows = [[*prediction.scores.values()] for prediction, _ in found]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.labels))

    def stream(self, posts: Iterable[str]) -> Iterator[Prediction]:
        """Label any number of posts in bounded memory, in their order.

        Some thousand posts are read ahead, to compute those of like length together.

        Raises:
            NotText: at once where `posts` is a single str or a whole table, and when its turn
                comes where one of them is not a str.
        """
        return (prediction for prediction, _ in self._stream(checked_posts(posts, "stream")))

    def stream_with_vectors(self, posts: Iterable[str]) -> Iterator[_Scored]:
        """Like `stream`, with a vector of each post from the same computation.

        Yields:
            The prediction, and the pooled vector of the window that decides, shape (hidden,). All
            posts have one: a cascade is not used.

        Raises:
            NotText: as for `stream`.
        """
        return self._stream(checked_posts(posts, "stream_with_vectors"), cascade=False)

    def explain(self, post: str) -> Explanation:
        """Why a post got its prediction; see `explain_many`.

        Raises:
            NotText: `post` is not a str.
        """
        return self.explain_many([checked_post(post)])[0]

    def explain_many(self, posts: Iterable[str]) -> list[Explanation]:
        """Predictions with reasons: answers to the questions behind the label, and phrases.

        It costs as much as predicting some 50 posts for each one.

        Raises:
            NotText: as for `predict_many`.
        """
        from riskclf.explanation.explaining import explain

        found: list[Explanation] = []
        given = checked_posts(posts, "explain_many")
        for chunk in in_chunks(given, _EXPLAINED_AT_ONCE, _CHARACTERS_PER_CHUNK):
            encodings = self._artifact.tokenizer.encode_batch(chunk)
            outputs, predictions, rows = self._read(encodings)
            found += explain(self._artifact, chunk, encodings, outputs, predictions, rows)
        return found

    def nearest(self, post: str) -> tuple[Scenario, ...]:
        """The two scenarios of our posts that a post is nearest to, the nearest first.

        Show them after a person has decided: before, they would sway the decision. They are found
        by the vectors of the neighbours expert and have names (`riskclf.explanation.scenarios`); no
        known post is shown. Empty where the post could not be read, and for a model that does not
        hold our posts.

        Raises:
            NotText: `post` is not a str.
        """
        from riskclf.explanation.scenarios import nearest

        encodings = self._artifact.tokenizer.encode_batch([checked_post(post)])
        outputs, (prediction,), (row,) = self._read(encodings)
        if not UNREAD_CODES.isdisjoint(prediction.reason_codes):
            return ()
        return nearest(self._artifact, outputs.sentence[row])

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
            point = OperatingPoint.of(thresholds).shifted(-self._shift)
        artifact.copy(self._artifact, directory, point)

    def push_to_hub(
        self, repo_id: str, *, private: bool = True, learned_posts_may_leak: str = ""
    ) -> str:
        """Upload the model to a hub, from which `load(repo_id)` gets it.

        Log in first, with `hf auth login` or the variable HF_TOKEN. Of the files in the repository
        those of an older riskclf model are replaced; its README.md stays as it is.

        Args:
            repo_id: where to, such as name/model; it is made if it is not there.
            private: only you and those you name can read it. A repository that everybody can read
                is then refused.
            learned_posts_may_leak: a model that was fine-tuned on your own posts can give away what
                they say, and is refused. Where you may pass these posts on, repeat `repo_id` here.

        Returns:
            The commit, a `revision` for `load`.

        Raises:
            InputError: the model, or the repository, is refused for one of these reasons.
            RiskclfError: the hub cannot be reached, or does not take the model.
        """
        return publishing.push(
            self._artifact, repo_id, private=private, learned_posts_may_leak=learned_posts_may_leak
        )

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
        return described(self._artifact, self._point)

    def __copy__(self) -> Self:
        return self  # nothing in it ever changes

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        origin = self._origin
        is_there = origin is not None and origin.is_there(self._artifact)
        sent = origin if is_there else self._artifact
        cascade = self._first_stage is not None
        return _received, (type(self), sent, self._point, self._shift, cascade)

    def _from(self, origin: Origin) -> Self:
        self._origin = origin
        return self

    def _stream(self, posts: Iterator[str], cascade: bool = True) -> Iterator[_Scored]:
        stage = self._first_stage if cascade else None
        batches = _BATCHES_PER_CHUNK * (_MORE_IN_CASCADE if stage else 1)
        size = self._artifact.engine.batch_size * batches
        recent: Recent[_Scored] = Recent()
        for chunk in in_chunks(posts, size, _CHARACTERS_PER_CHUNK):
            yield from self._predict(chunk, recent, stage)

    def _predict(
        self, posts: list[str], recent: Recent[_Scored], stage: FirstStage | None
    ) -> list[_Scored]:
        """Score each post once, those that repeat a recent one not at all."""
        readings = [read(post) for post in posts]
        keys = [key_of(reading) for reading in readings]
        new = {key: x for key, x in zip(keys, readings, strict=True) if key not in recent}
        scored = self._score([*new.values()], stage) if new else ()
        return recent.complete(keys, dict(zip(new, scored, strict=True)))

    def _score(self, readings: list[Reading], stage: FirstStage | None) -> Iterator[_Scored]:
        encodings = self._artifact.tokenizer.encode_readings(readings)
        cleared: dict[int, Prediction] = {}
        left = encodings
        if stage is not None:
            cleared, left = stage.read(encodings, self._point, self._shift)
        outputs, predictions, rows = self._read(left)
        # A copy of each row, for a view would keep the vectors of all.
        vectors = (outputs.pooled[row].copy() for row in rows)
        read_in_full = zip(predictions, vectors, strict=True)
        for number in range(len(encodings)):
            yield (cleared[number], NO_VECTOR) if number in cleared else next(read_in_full)

    def _read(
        self, encodings: list[Encoding]
    ) -> tuple[Outputs, list[Prediction], NDArray[np.int64]]:
        """The main path: windows of ids -> outputs -> predictions, and the rows that decided."""
        loaded = self._artifact
        windows = [x for found in windows_read(encodings, loaded.manifest) for x in found]
        outputs = loaded.experts.compute(windows, loaded.engine)
        predictions, rows = predictions_with_rows(
            encodings, outputs, loaded.manifest, self._point, shift=self._shift
        )
        return outputs, predictions, rows


def _received(kind: type[RiskClassifier], sent: Origin | Artifact, *state: Any) -> RiskClassifier:
    """What unpickling calls."""
    classifier = kind(opened(sent), *state)
    return classifier._from(sent) if isinstance(sent, Origin) else classifier
