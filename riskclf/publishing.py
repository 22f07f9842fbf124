"""Upload a model to a hub: private unless asked otherwise, and with care for what it has learned.

Weights, n-grams and the vectors of neighbours can give away what the posts say that a model was
fine-tuned on. Whoever uploads such a model must have the right to pass those posts on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from riskclf import artifact, hub
from riskclf.artifact import Artifact
from riskclf.errors import InputError, RiskclfError

__all__ = ["is_fine_tuned", "push"]


def is_fine_tuned(provenance: Mapping[str, Any]) -> bool:
    """Whether a user fine-tuned the model, or one that it was made from."""
    if "fine_tuning" in provenance:
        return True
    base = provenance.get("base")
    before = base.get("provenance") if isinstance(base, Mapping) else None
    return isinstance(before, Mapping) and is_fine_tuned(before)


def push(loaded: Artifact, repo_id: str, *, private: bool, learned_posts_may_leak: str) -> str:
    """See `RiskClassifier.push_to_hub`."""
    if not hub.is_hub_id(repo_id):
        raise InputError(f"{repo_id!r} is no hub id: give one such as name/model")
    if is_fine_tuned(loaded.manifest.provenance) and learned_posts_may_leak != repo_id:
        raise InputError(
            "this model was fine-tuned on posts of your own, and it can give away what they say: "
            "do not upload it unless you may pass these posts on; if so, name the repository a "
            f'second time: push_to_hub("{repo_id}", learned_posts_may_leak="{repo_id}")'
        )
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        api.create_repo(repo_id, private=private, exist_ok=True)
        is_public = not api.model_info(repo_id).private
    except Exception as error:  # see riskclf.hub.fetch
        raise _failed(repo_id, error) from error
    if private and is_public:
        raise InputError(
            f"{repo_id!r} exists and everybody can read it: choose another name, or give "
            "private=False if that is what you want"
        )
    with TemporaryDirectory() as temporary:
        directory = Path(temporary) / "model"
        artifact.copy(loaded, directory)
        try:
            done = api.upload_folder(
                repo_id=repo_id,
                folder_path=os.fspath(directory),
                commit_message=f"riskclf model {str(loaded.raw['digest'])[:12]}",
                delete_patterns=[*hub.OUR_FILES],  # of another model, which would not fit this one
            )
        except Exception as error:
            raise _failed(repo_id, error) from error
    return str(done.oid)


def _failed(repo_id: str, error: Exception) -> RiskclfError:
    return RiskclfError(
        f"the model could not be uploaded to {repo_id!r} ({type(error).__name__}): log in with "
        "`hf auth login`, and check the name and the network"
    )
