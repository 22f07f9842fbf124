"""A classifier in another process: what is sent there, and how the model is found again.

A model that was loaded is not sent, but named: by its directory or hub id, with its fingerprint.
That is short, gives the same hash in every run (`datasets` caches by it), and is verified where it
is loaded. Only a model that has no directory any more is sent as a whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from riskclf import artifact
from riskclf.artifact import Artifact
from riskclf.errors import ArtifactMismatch

__all__ = ["Origin", "opened"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model was loaded from, how, and which one it was."""

    source: str | None
    """An absolute path or a hub id; None is the packaged model."""

    revision: str | None
    fingerprint: str
    device: str
    batch_size: int
    threads: int | None
    engine: str
    """As it was asked for: "auto" may choose another one in the other process."""

    @classmethod
    def of(
        cls,
        loaded: Artifact,
        path_or_id: str | os.PathLike[str] | None,
        *,
        revision: str | None,
        device: str,
        threads: int | None,
        engine: str,
    ) -> Origin:
        """Of a model that `riskclf.artifact.load` gave for `path_or_id`."""
        source = None if path_or_id is None else str(path_or_id)
        if path_or_id is not None and Path(path_or_id).is_dir():
            source = str(Path(path_or_id).absolute())
        fingerprint = str(loaded.raw["digest"])
        batch_size = loaded.engine.batch_size
        return cls(source, revision, fingerprint, device, batch_size, threads, engine)

    def is_there(self, loaded: Artifact) -> bool:
        """Whether the model can be loaded again; a hub is not asked."""
        is_directory = self.source is not None and self.source == str(loaded.directory.absolute())
        return not is_directory or loaded.directory.is_dir()


def opened(sent: Origin | Artifact) -> Artifact:
    """The model that was sent.

    Raises:
        ArtifactMismatch: another model lies there now.
        ArtifactError: it cannot be loaded.
    """
    return _loaded(sent) if isinstance(sent, Origin) else sent


@lru_cache(maxsize=1)  # a pool of processes sends the same one with every task
def _loaded(origin: Origin) -> Artifact:
    loaded = artifact.load(
        origin.source,
        device=origin.device,
        batch_size=origin.batch_size,
        revision=origin.revision,
        threads=origin.threads,
        engine=origin.engine,
    )
    found = str(loaded.raw["digest"])
    if found != origin.fingerprint:
        raise ArtifactMismatch(
            f"{loaded.directory} holds another model now than when the classifier was pickled "
            f"(fingerprint {found[:12]}, not {origin.fingerprint[:12]}): put the model back, or "
            "load this one with RiskClassifier.load and pickle it again"
        )
    return loaded
