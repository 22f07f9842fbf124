"""A model goes to a hub and comes back, and one that learned from its user's posts stays here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest

from riskclf.artifact import Artifact, save
from riskclf.classifier import RiskClassifier
from riskclf.errors import ArtifactNotFound, InputError, RiskclfError
from riskclf.publishing import is_fine_tuned
from tests.hub_server import LocalHub, local_hub
from tests.models import torch_model

NAME = "somebody/model"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with local_hub() as found:
        files = found.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", found.url)
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_TOKEN", "hf_not_a_real_token")
        yield found


@pytest.fixture
def fine_tuned(loaded: Artifact, tmp_path: Path) -> RiskClassifier:
    base = {"base": {"provenance": {"fine_tuning": {"posts": 16}}}}
    save(
        tmp_path / "tuned",
        model=torch_model(loaded),
        tokenizer_directory=loaded.directory,
        manifest=replace(loaded.manifest, provenance=base),
    )
    return RiskClassifier.load(tmp_path / "tuned", device="cpu")


def test_a_model_comes_back_from_the_hub_as_it_went(
    hub: LocalHub, classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    hub.create(NAME, True)
    hub.commits[NAME].append({"README.md": b"mine", "ngrams.safetensors": b"of an older model"})
    first = classifier.push_to_hub(NAME)
    assert hub.private[NAME]
    assert set(hub.files(NAME)) == {
        "README.md",
        "riskclf.json",
        *classifier.info()["saved_as"]["files"],
    }
    again = RiskClassifier.load(NAME, device="cpu", batch_size=8)
    assert again.fingerprint == classifier.fingerprint
    assert again.predict_many(sentences) == classifier.predict_many(sentences)
    hub.commits[NAME].append({})  # whatever comes later, a revision stays what it is
    kept = RiskClassifier.load(NAME, revision=first, device="cpu")
    assert kept.fingerprint == classifier.fingerprint
    with pytest.raises(ArtifactNotFound, match="revision 'nowhere'"):
        RiskClassifier.load(NAME, revision="nowhere")


def test_a_repository_is_private_unless_it_is_asked_otherwise(
    hub: LocalHub, classifier: RiskClassifier
) -> None:
    classifier.push_to_hub(NAME)
    assert hub.private == {NAME: True}
    hub.create("somebody/open", False)
    with pytest.raises(InputError, match="private=False"):
        classifier.push_to_hub("somebody/open")
    assert len(hub.commits["somebody/open"]) == 1
    classifier.push_to_hub("somebody/open", private=False)
    assert len(hub.commits["somebody/open"]) == 2


@pytest.mark.parametrize("second", ["", "somebody/else", "True"])
def test_a_model_that_learned_from_own_posts_is_refused_unless_it_is_named_twice(
    hub: LocalHub, fine_tuned: RiskClassifier, second: str
) -> None:
    with pytest.raises(InputError, match=f'learned_posts_may_leak="{NAME}"') as caught:
        fine_tuned.push_to_hub(NAME, private=False, learned_posts_may_leak=second)
    assert "\n" not in str(caught.value)
    assert hub.private == {}  # nothing was made there
    fine_tuned.push_to_hub(NAME, learned_posts_may_leak=NAME)
    assert "riskclf.json" in hub.files(NAME)


def test_what_counts_as_fine_tuned() -> None:
    assert is_fine_tuned({"fine_tuning": {}, "base": {"fingerprint": "x", "provenance": {}}})
    assert not is_fine_tuned({"base": "random weights"})
    assert not is_fine_tuned(RiskClassifier.load(device="cpu").info()["saved_as"]["provenance"])


def test_what_goes_wrong_is_one_line(
    hub: LocalHub, classifier: RiskClassifier, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="name/model"):
        classifier.push_to_hub("model")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"{hub.url}/nowhere")
    with pytest.raises(RiskclfError, match="hf auth login") as caught:
        classifier.push_to_hub(NAME)
    assert "\n" not in str(caught.value)
    for here in (None, tmp_path):
        with pytest.raises(InputError, match="leave the revision out"):
            RiskClassifier.load(here, revision="main")
