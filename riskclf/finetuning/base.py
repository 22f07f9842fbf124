"""What fine-tuning starts from: a model of ours, or any BERT with MeCab words and WordPiece."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from riskclf import artifact, hub
from riskclf.bert import check_weights, read_config
from riskclf.engines import pytorch
from riskclf.errors import ArtifactCorrupt, ArtifactNotFound
from riskclf.manifest import MANIFEST_FILE, Manifest
from riskclf.probes import PROBE_SENTENCES
from riskclf.tokens import Tokenizer

__all__ = ["Base", "locate_base"]

# Nothing but the head, and the layer before it, may be new in a model that is to be fine-tuned.
_NEW_WEIGHTS = ("classifier.", "bert.pooler.")


@dataclass(frozen=True)
class Base:
    """What fine-tuning starts from."""

    directory: Path
    manifest: Manifest | None
    """None for a plain BERT, which riskclf has not saved."""


def locate_base(path_or_id: str | os.PathLike[str] | None) -> Base:
    """Find and check what fine-tuning starts from.

    A hub is asked for ids only. Where a repository there has its weights in other formats, those
    of the pull request that the hub's own bot made are taken, if it made them from the same files.
    (transformers looks for it too; but if there is none it sends the model's name and the user's
    token to a converter, and then takes a pull request of that title whoever made it.)

    Args:
        path_or_id: as for `load`; but a directory or a hub id may also hold a plain BERT with a
            `BertJapaneseTokenizer` (MeCab and WordPiece), such as
            `tohoku-nlp/bert-base-japanese-v3`, with or without a head.

    Raises:
        ArtifactNotFound: there is no model, or none in safetensors.
        ArtifactCorrupt: a file is missing, altered or unreadable, or it is not a BERT.
        ArtifactMismatch: as for `load`.
        TokenizerError: its tokenizer cannot be used.
    """
    # What is small comes first: a model of another kind may have weights of many gigabytes.
    directory = hub.locate(path_or_id, (*hub.SMALL_FILES, MANIFEST_FILE))
    if (directory / MANIFEST_FILE).is_file():
        loaded = artifact.load(path_or_id, device="cpu", batch_size=len(PROBE_SENTENCES))
        return Base(loaded.directory, loaded.manifest)
    _check_kind(directory)
    Tokenizer.load(directory)
    if path_or_id is None or Path(path_or_id).is_dir():
        if not hub.has_weights(directory):
            raise hub.no_safetensors(str(directory), (file.name for file in directory.iterdir()))
    else:
        repository = str(path_or_id)
        directory = hub.fetch(repository, hub.PLAIN_FILES)
        if not hub.has_weights(directory):
            directory = hub.fetch_converted(repository)
    _check_encoder(directory)
    return Base(directory, None)


def _check_kind(directory: Path) -> None:
    """Refuse what is no model at all, or no BERT."""
    file = directory / "config.json"
    if not file.is_file():
        raise ArtifactNotFound(
            f"{directory} is not a model, it has neither {MANIFEST_FILE} nor config.json: give the "
            "directory that riskclf saved, or that of a BERT"
        )
    read_config(directory)


def _check_encoder(directory: Path) -> None:
    """Refuse a plain BERT that lacks weights of its encoder, or has unusable ones."""
    check_weights(directory, trained=False)
    _, missing = pytorch.open_classifier(directory, ignore_mismatched_sizes=True)
    if any(not name.startswith(_NEW_WEIGHTS) for name in missing):
        raise ArtifactCorrupt(
            f"{directory / 'model.safetensors'} lacks weights of the encoder: it is not a trained "
            "model, or it is damaged"
        )
