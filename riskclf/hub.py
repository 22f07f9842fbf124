"""Where a model is: the packaged one, a directory, or a hub, from which only data is fetched.

No file that holds code or a pickle is ever downloaded, and a hub is asked for ids only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from riskclf.bert import INDEX_FILE, WEIGHTS_FILE
from riskclf.encoder import ENGINE_FILES
from riskclf.errors import ArtifactNotFound, InputError
from riskclf.manifest import MANIFEST_FILE, MODEL_FILES, SIGNATURE_FILE, WEIGHTS, names_of
from riskclf.modelfiles import PACKAGED

__all__ = [
    "OUR_FILES",
    "PLAIN_FILES",
    "SMALL_FILES",
    "fetch",
    "fetch_converted",
    "has_weights",
    "is_hub_id",
    "locate",
    "no_safetensors",
]

SMALL_FILES = ("config.json", "tokenizer_config.json", "vocab.txt")
"""What tells the kind of a model, without its weights."""

_BESIDE = [name for role in (*WEIGHTS, *ENGINE_FILES) for name in names_of(role)]

OUR_FILES = (*MODEL_FILES, MANIFEST_FILE, SIGNATURE_FILE, *_BESIDE, "finetuning.*", "report.*")
"""What is fetched of a model of ours, with its reports."""
PLAIN_FILES = (*MODEL_FILES, INDEX_FILE, "model-*.safetensors")
"""What is fetched of a plain BERT."""

_PICKLED = "pytorch_model*.bin"
_OTHER_WEIGHTS = (_PICKLED, "tf_model*.h5", "flax_model*.msgpack")

# The hub's own bot proposes, as a pull request, weights in safetensors to those who have others.
_CONVERTER = "SFconvertbot"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def is_hub_id(name: object) -> bool:
    """Whether it has the form of a hub id, such as name/model."""
    return isinstance(name, str) and bool(_HUB_ID.fullmatch(name))


def locate(
    path_or_id: str | os.PathLike[str] | None, wanted: Sequence[str], revision: str | None = None
) -> Path:
    """The directory of a model; from a hub, the files whose names fit one of `wanted`.

    Raises:
        ArtifactNotFound: there is no such directory or hub id, or the hub cannot be reached.
        InputError: a revision of something else than a hub id is asked for.
    """
    directory = None if path_or_id is None else Path(path_or_id)
    is_here = directory is None or (bool(str(path_or_id)) and directory.is_dir())
    if is_here and revision is not None:
        raise InputError(
            "a revision belongs to a hub id such as name/model, and "
            f"{directory or 'the packaged model'} is on this computer: leave the revision out"
        )
    if directory is None:
        return PACKAGED
    if is_here:
        return directory
    if not isinstance(path_or_id, str) or not is_hub_id(path_or_id) or directory.exists():
        raise ArtifactNotFound(
            f"there is no model directory {str(path_or_id)!r}: give the directory of a "
            "model, a hub id such as name/model, or nothing for the packaged model"
        )
    return fetch(path_or_id, wanted, revision)


def fetch(repository: str, wanted: Sequence[str], revision: str | None = None) -> Path:
    """Download the files of a hub repository whose names fit one of `wanted`.

    Raises:
        ArtifactNotFound: there is no such repository, or the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=[*wanted]))
    except Exception as error:  # the client raises some twenty kinds, network errors included
        which = f" at revision {revision!r}" if revision else ""
        raise ArtifactNotFound(
            f"{repository!r} is no directory here and could not be downloaded from the hub{which} "
            f"({type(error).__name__}): check the name and the network"
        ) from error


def fetch_converted(repository: str) -> Path:
    """The same model with the weights that the hub's bot converted to safetensors.

    Whoever may open a pull request may give it any title, so it counts who made it; and as the
    model may have changed since, it counts that the bot's branch still holds the files of today.

    Raises:
        ArtifactNotFound: there is no such conversion, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi

    api = HfApi()

    def blobs(revision: str | None = None) -> dict[str, str]:
        files = api.list_repo_tree(repository, revision=revision)
        return {file.path: getattr(file, "blob_id", "") for file in files}

    def originals(files: Mapping[str, str]) -> dict[str, str]:
        return {name: x for name, x in files.items() if _fits(name, (_PICKLED, *SMALL_FILES))}

    try:
        today = blobs()
        if any(_fits(name, (_PICKLED,)) for name in today):
            for pull in api.get_repo_discussions(
                repository, author=_CONVERTER, discussion_type="pull_request"
            ):
                if pull.author != _CONVERTER or pull.status != "open" or not pull.git_reference:
                    continue
                # The commit, not the branch: what is compared is what is fetched.
                commit = api.model_info(repository, revision=pull.git_reference).sha
                if commit and originals(blobs(commit)) == originals(today):
                    directory = fetch(repository, PLAIN_FILES, commit)
                    if has_weights(directory):
                        return directory
    except ArtifactNotFound:
        raise
    except Exception as error:  # see fetch
        raise ArtifactNotFound(
            f"{repository!r} came without model.safetensors, and the hub could not be asked for a "
            f"conversion ({type(error).__name__}): check the network, or give a directory that has "
            "it"
        ) from error
    raise no_safetensors(repository, today)


def no_safetensors(name: str, files: Iterable[str]) -> ArtifactNotFound:
    """The error for a model without weights that riskclf reads; `files` are the names it has."""
    others = sorted(file for file in files if _fits(file, _OTHER_WEIGHTS))
    if not others:
        return ArtifactNotFound(
            f"{name} holds no weights: a model directory has config.json, model.safetensors, "
            "tokenizer_config.json and vocab.txt; copy the model again"
        )
    return ArtifactNotFound(
        f"{name} has its weights as {others[0]} and not as model.safetensors; riskclf reads no "
        "other format, since reading it may run code: convert it where you trust it, with "
        "AutoModel.from_pretrained(...).save_pretrained(DIRECTORY) of transformers, put "
        "tokenizer_config.json and vocab.txt beside it, and give that directory"
    )


def has_weights(directory: Path) -> bool:
    """Whether a directory holds weights as safetensors, whole or in parts."""
    return any((directory / name).is_file() for name in (WEIGHTS_FILE, INDEX_FILE))


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
