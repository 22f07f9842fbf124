"""A model on disk: what is saved comes back the same, and what is damaged is refused by name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from riskclf import artifact
from riskclf.artifact import Artifact, load, save
from riskclf.classifier import RiskClassifier
from riskclf.decide import OperatingPoint
from riskclf.encoder import ENGINE_FILES
from riskclf.errors import (
    ArtifactCorrupt,
    ArtifactError,
    ArtifactMismatch,
    ArtifactNotFound,
    InputError,
    RiskclfError,
)
from riskclf.files import locked
from riskclf.probes import PROBE_SENTENCES
from tests.models import torch_model

MODEL_FILES = ("config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt")
EVERY_FILE = (*MODEL_FILES, "riskclf.json")


@pytest.fixture
def copied(model_directory: Path, tmp_path: Path) -> Path:
    """A copy of the shared model, to be damaged."""
    return Path(shutil.copytree(model_directory, tmp_path / "model"))


def refusal(directory: object) -> RiskclfError:
    """The error that loading gives: one of ours, on one line, without the probe sentences."""
    with pytest.raises(RiskclfError) as caught:
        load(directory, device="cpu", batch_size=8)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message
    assert len(message.splitlines()) == 1
    assert not any(sentence in message for sentence in PROBE_SENTENCES)
    return caught.value


def edit_manifest(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = directory / "riskclf.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    change(manifest)
    # As one who means it would: the digest agrees, so that the change itself must be noticed.
    del manifest["digest"]
    content = json.dumps(manifest, sort_keys=True).encode("utf-8")
    manifest["digest"] = hashlib.sha256(content).hexdigest()
    file.write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")


def fix_hash(directory: Path, name: str) -> None:
    """Make riskclf.json agree with a file that was changed."""
    digest = hashlib.sha256((directory / name).read_bytes()).hexdigest()
    edit_manifest(directory, lambda manifest: manifest["files"].update({name: digest}))


def logits(loaded: Artifact, posts: tuple[str, ...]) -> Any:
    return loaded.engine.compute([loaded.tokenizer.encode(post).head.ids for post in posts]).logits


def save_again(directory: Path, loaded: Artifact, **changes: Any) -> None:
    options: dict[str, Any] = {
        "model": torch_model(loaded),
        "tokenizer_directory": loaded.directory,
        "manifest": loaded.manifest,
    }
    save(directory, **(options | changes))


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


# What is saved comes back -------------------------------------------------------------------------


def test_a_saved_model_computes_the_same(
    loaded: Artifact, sentences: tuple[str, ...], tmp_path: Path
) -> None:
    save_again(tmp_path / "new", loaded)
    again = load(tmp_path / "new", device="cpu", batch_size=8)
    assert np.array_equal(logits(again, sentences), logits(loaded, sentences))
    assert again.manifest == loaded.manifest


def test_half_precision_halves_the_file_and_hardly_changes_the_logits(
    loaded: Artifact, sentences: tuple[str, ...], tmp_path: Path
) -> None:
    save_again(tmp_path / "half", loaded, half_precision=True)
    half = load(tmp_path / "half", device="cpu", batch_size=8)
    np.testing.assert_allclose(logits(half, sentences), logits(loaded, sentences), atol=1e-2)
    stored = safetensors.torch.load_file(tmp_path / "half" / "model.safetensors")
    assert {x.dtype for x in stored.values()} == {torch.float16}
    assert {x.dtype for x in torch_model(half).parameters()} == {torch.float32}
    config = json.loads((tmp_path / "half" / "config.json").read_text(encoding="utf-8"))
    assert config["dtype"] == "float32"
    # The model that was given is not rounded with it.
    assert {x.dtype for x in torch_model(loaded).parameters()} == {torch.float32}


def test_the_directory_holds_the_five_files_and_nothing_else(model_directory: Path) -> None:
    assert {file.name for file in model_directory.iterdir()} == set(EVERY_FILE)


def test_riskclf_json_says_what_the_model_is(model_directory: Path) -> None:
    manifest = json.loads((model_directory / "riskclf.json").read_text(encoding="utf-8"))
    assert manifest["labels"] == ["minor_solicitation", "adult_solicitation", "benign"]
    assert manifest["risk_labels"] == ["minor_solicitation", "adult_solicitation"]
    assert list(manifest["operating_points"]) == ["standard", "sensitive"]
    assert manifest["operating_points"]["standard"] == {"flag": 0.8, "review": 0.4}
    assert manifest["prevalence"] == 0.2
    assert manifest["temperature"] == 1.5
    assert manifest["dictionary"]["name"] == "unidic_lite"
    assert manifest["dictionary"]["version"]
    assert manifest["provenance"]["licence"] == "Apache-2.0"
    assert set(manifest["files"]) == set(MODEL_FILES)


def test_a_model_of_before_there_was_a_gate_is_accepted(copied: Path) -> None:
    assert json.loads((copied / "riskclf.json").read_text(encoding="utf-8"))["accepted"] is True
    edit_manifest(copied, lambda manifest: manifest.pop("accepted"))
    assert load(copied, device="cpu", batch_size=8).manifest.accepted is True


def test_a_str_and_a_relative_path_will_do(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model_directory.parent)
    assert load(model_directory.name, device="cpu", batch_size=8).manifest.temperature == 1.5


def test_files_of_others_in_the_directory_do_not_matter(copied: Path) -> None:
    (copied / "README.md").write_text("A model.", encoding="utf-8")
    (copied / "pytorch_model.bin").write_bytes(b"not looked at")
    load(copied, device="cpu", batch_size=8)


def test_a_copy_is_the_same_model(loaded: Artifact, tmp_path: Path) -> None:
    artifact.copy(loaded, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(loaded.directory)


def test_a_model_is_not_written_where_another_run_writes(loaded: Artifact, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as others, locked(tmp_path / "copy"):
        writing = others.submit(artifact.copy, loaded, tmp_path / "copy")
        with pytest.raises(InputError, match="being written by another run"):
            writing.result()
    assert list(tmp_path.iterdir()) == []


def test_a_model_can_be_copied_onto_itself(copied: Path) -> None:
    before = contents(copied)
    artifact.copy(load(copied, device="cpu", batch_size=8), copied)
    assert contents(copied) == before


# Further files ------------------------------------------------------------------------------------

EXTRA = {"finetuning.md": "# 報告\n", "finetuning.json": "{}\n"}


@pytest.fixture
def with_report(loaded: Artifact, tmp_path: Path) -> Path:
    save_again(tmp_path / "reported", loaded, reports=EXTRA)
    return tmp_path / "reported"


def test_extra_files_are_saved_hashed_and_copied(with_report: Path, tmp_path: Path) -> None:
    assert set(contents(with_report)) == {*EVERY_FILE, *EXTRA}
    assert {name: (with_report / name).read_text("utf-8") for name in EXTRA} == EXTRA
    again = load(with_report, device="cpu", batch_size=8)
    assert set(again.raw["files"]) == {*MODEL_FILES, *EXTRA}
    artifact.copy(again, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(with_report)


def test_an_altered_extra_file_is_noticed(with_report: Path) -> None:
    (with_report / "finetuning.md").write_text("All is well.", encoding="utf-8")
    error = refusal(with_report)
    assert isinstance(error, ArtifactCorrupt)
    assert "finetuning.md" in str(error)


def test_a_model_can_be_used_and_copied_without_its_extra_files(
    with_report: Path, tmp_path: Path
) -> None:
    (with_report / "finetuning.json").unlink()
    artifact.copy(load(with_report, device="cpu", batch_size=8), tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(with_report)


@pytest.mark.parametrize("name", ["vocab.txt", "riskclf.json", "../report.md", "a/b", "", ".."])
def test_a_report_keeps_its_place(loaded: Artifact, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name of a report"):
        save_again(tmp_path / "new", loaded, reports={name: "text"})
    assert list(tmp_path.iterdir()) == []


def test_a_hash_of_a_file_elsewhere_is_refused(copied: Path) -> None:
    edit_manifest(copied, lambda manifest: manifest["files"].update({"../secret.txt": "0" * 64}))
    assert isinstance(refusal(copied), ArtifactCorrupt)


def test_a_place_that_would_be_refused_after_hours_is_refused_before(
    copied: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis").mkdir()
    artifact.check_place(tmp_path / "thesis")  # empty
    artifact.check_place(tmp_path / "not yet" / "there")
    artifact.check_place(copied)
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(RiskclfError, match="thesis"):
        artifact.check_place(tmp_path / "thesis")


# Damaged files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODEL_FILES)
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0], ids=["first", "middle", "last"])
def test_one_flipped_byte_is_noticed(copied: Path, name: str, place: float) -> None:
    content = bytearray((copied / name).read_bytes())
    content[round(place * (len(content) - 1))] ^= 1
    (copied / name).write_bytes(content)
    error = refusal(copied)
    assert isinstance(error, ArtifactCorrupt)
    assert str(copied / name) in str(error)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_missing_file_is_noticed(copied: Path, name: str) -> None:
    (copied / name).unlink()
    error = refusal(copied)
    assert isinstance(error, ArtifactError)
    assert name in str(error)
    assert str(copied) in str(error)


@pytest.mark.parametrize("name", EVERY_FILE)
@pytest.mark.parametrize("share", [0, 0.5])
def test_a_file_that_was_cut_off_is_noticed(copied: Path, name: str, share: float) -> None:
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[: int(share * len(content))])
    error = refusal(copied)
    assert isinstance(error, ArtifactCorrupt)
    assert str(copied / name) in str(error)


def test_cut_off_weights_are_noticed_even_with_the_right_hash(copied: Path) -> None:
    file = copied / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    fix_hash(copied, file.name)
    assert isinstance(refusal(copied), ArtifactCorrupt)


def test_the_weights_of_another_model_are_noticed_even_with_the_right_hash(
    copied: Path, make_model: Callable[..., Path]
) -> None:
    shutil.copy(make_model(seed=1) / "model.safetensors", copied)
    fix_hash(copied, "model.safetensors")
    error = refusal(copied)
    assert isinstance(error, ArtifactMismatch)
    assert str(copied) in str(error)


def test_another_vocabulary_is_noticed_even_with_the_right_hash(copied: Path) -> None:
    file = copied / "vocab.txt"
    special, *pieces = file.read_text(encoding="utf-8").split("##", maxsplit=1)
    lines = ("##" + pieces[0]).splitlines()
    file.write_text(special + "\n".join(reversed(lines)) + "\n", encoding="utf-8")
    fix_hash(copied, file.name)
    assert isinstance(refusal(copied), ArtifactMismatch)


def test_weights_without_a_trained_head_are_refused(copied: Path) -> None:
    file = copied / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    body = {name: x for name, x in weights.items() if not name.startswith("classifier.")}
    assert len(body) == len(weights) - 2
    safetensors.torch.save_file(body, file, metadata={"format": "pt"})
    fix_hash(copied, file.name)
    error = refusal(copied)
    assert isinstance(error, ArtifactCorrupt)
    assert str(file) in str(error)


def test_weights_of_another_shape_are_refused(copied: Path) -> None:
    file = copied / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    weights["classifier.weight"] = weights["classifier.weight"][:2].clone()
    safetensors.torch.save_file(weights, file, metadata={"format": "pt"})
    fix_hash(copied, file.name)
    error = refusal(copied)
    assert isinstance(error, ArtifactCorrupt)
    assert str(copied) in str(error)


class _LeavesATrace:
    """Unpickling it makes a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_a_pickle_in_place_of_the_weights_is_refused_unread(
    copied: Path, tmp_path: Path, name: str
) -> None:
    (copied / "model.safetensors").unlink()
    (copied / name).write_bytes(pickle.dumps(_LeavesATrace(tmp_path / "trace")))
    if name == "model.safetensors":
        fix_hash(copied, name)
    error = refusal(copied)
    assert isinstance(error, ArtifactCorrupt)
    assert str(copied) in str(error)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.pop("labels"),
        lambda manifest: manifest.pop("operating_points"),
        lambda manifest: manifest.pop("files"),
        lambda manifest: manifest.pop("probes"),
        lambda manifest: manifest.pop("format"),
        lambda manifest: manifest.update(format=5),
        lambda manifest: manifest.update(temperature=0),
        lambda manifest: manifest.update(temperature="warm"),
        lambda manifest: manifest.update(bias="upwards"),
        lambda manifest: manifest.update(
            risk_labels=[], operating_points={}, prevalence=0.0, bias=0.5
        ),
        lambda manifest: manifest.update(risk_labels=["unheard_of"]),
        lambda manifest: manifest.update(labels=["a", "b", "c"], risk_labels=["a"]),
        lambda manifest: manifest.update(files=[]),
        lambda manifest: manifest["files"].pop("vocab.txt"),
        lambda manifest: manifest.update(probes=[]),
        lambda manifest: manifest["operating_points"]["standard"].pop("flag"),
        lambda manifest: manifest["operating_points"]["standard"].update(flag=0.1),
        lambda manifest: manifest["probes"][0].pop("text"),
        lambda manifest: manifest["probes"][0].pop("logits"),
        lambda manifest: manifest["probes"][0].update(text=7),
        lambda manifest: manifest["probes"][0]["logits"].pop(),
        lambda manifest: manifest["probes"][0].update(logits="none"),
        lambda manifest: manifest.update(accepted="no"),
        lambda manifest: manifest.update(risk_labels=[]),
        lambda manifest: manifest.update(risk_labels=[], prevalence=0.0),
        lambda manifest: manifest.update(risk_labels=[], operating_points={}),
        lambda manifest: manifest.update(prevalence=0.0),
    ],
    ids=[
        "no labels",
        "no thresholds",
        "no hashes",
        "no probes",
        "no format",
        "later format",
        "zero temperature",
        "temperature is text",
        "bias is text",
        "bias without risk labels",
        "unknown risk label",
        "other labels",
        "hashes are a list",
        "hash missing",
        "empty probes",
        "threshold missing",
        "thresholds crossed",
        "probe without text",
        "probe without logits",
        "probe text is a number",
        "probe logits too few",
        "probe logits are text",
        "accepted is text",
        "no risks but thresholds and a prevalence",
        "no risks but thresholds",
        "no risks but a prevalence",
        "risks but no prevalence",
    ],
)
def test_a_damaged_riskclf_json_is_noticed_and_named(
    copied: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    edit_manifest(copied, change)
    error = refusal(copied)
    assert "riskclf.json" in str(error)
    assert str(copied) in str(error)


def test_a_probe_that_computes_something_else_is_noticed(copied: Path) -> None:
    edit_manifest(copied, lambda manifest: manifest["probes"][2]["logits"].reverse())
    error = refusal(copied)
    assert isinstance(error, ArtifactMismatch)
    assert str(copied) in str(error)


@pytest.mark.parametrize("name", ["probes", "provenance"])
def test_a_list_where_an_object_belongs_is_noticed(copied: Path, name: str) -> None:
    edit_manifest(copied, lambda manifest: manifest.update({name: [1, 2]}))
    assert isinstance(refusal(copied), ArtifactCorrupt)


@pytest.mark.parametrize(("before", "after"), [('"flag": 0.8', '"flag": 0.9'), ("1.5", "1.7")])
def test_a_flipped_byte_in_a_threshold_or_the_temperature_is_noticed(
    copied: Path, before: str, after: str
) -> None:
    file = copied / "riskclf.json"
    content = file.read_text(encoding="utf-8")
    assert content.count(before) == 1
    file.write_text(content.replace(before, after), encoding="utf-8")
    assert isinstance(refusal(copied), ArtifactCorrupt)


# No model there -----------------------------------------------------------------------------------


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert isinstance(error, ArtifactNotFound)
    assert str(tmp_path) in str(error)


def test_a_file_in_place_of_a_directory_is_refused(copied: Path) -> None:
    assert isinstance(refusal(copied / "config.json"), ArtifactNotFound)
    assert isinstance(refusal(str(copied / "config.json")), ArtifactNotFound)


@pytest.mark.parametrize("name", ["", "nowhere", "/nowhere/at/all", "a/b/c", "no such/model", "~"])
def test_a_name_of_nothing_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(refusal(name), ArtifactNotFound)


def test_an_empty_name_is_not_the_current_directory(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model_directory)
    assert isinstance(refusal(""), ArtifactNotFound)


def test_a_hub_id_that_cannot_be_had_is_refused_by_name() -> None:
    error = refusal("nobody-at-all/no-such-model")
    assert isinstance(error, ArtifactNotFound)
    assert "nobody-at-all/no-such-model" in str(error)


def test_a_transformers_model_that_riskclf_did_not_save_is_refused(copied: Path) -> None:
    (copied / "riskclf.json").unlink()
    assert isinstance(refusal(copied), ArtifactNotFound)


# Saving -------------------------------------------------------------------------------------------


def test_saving_makes_missing_parents(loaded: Artifact, tmp_path: Path) -> None:
    save_again(tmp_path / "some" / "where" / "model", loaded)
    load(tmp_path / "some" / "where" / "model", device="cpu", batch_size=8)


def test_an_empty_directory_is_filled(loaded: Artifact, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    save_again(tmp_path / "empty", loaded)
    assert set(contents(tmp_path / "empty")) == set(EVERY_FILE)


@pytest.mark.parametrize("how", [save_again, lambda directory, it: artifact.copy(it, directory)])
def test_what_is_not_a_model_is_never_overwritten(
    loaded: Artifact, tmp_path: Path, how: Callable[[Path, Artifact], None]
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work", encoding="utf-8")
    for target in (tmp_path / "thesis", tmp_path / "thesis" / "chapter.txt"):
        with pytest.raises(RiskclfError, match="thesis") as caught:
            how(target, loaded)
        assert "\n" not in str(caught.value)
    assert contents(tmp_path / "thesis") == {"chapter.txt": b"years of work"}
    assert [file.name for file in tmp_path.iterdir()] == ["thesis"]


def test_an_older_model_is_replaced_whole(loaded: Artifact, copied: Path) -> None:
    (copied / "leftover.txt").write_text("of the older model", encoding="utf-8")
    save_again(copied, loaded, manifest=dataclasses.replace(loaded.manifest, temperature=3.0))
    assert set(contents(copied)) == set(EVERY_FILE)
    assert load(copied, device="cpu", batch_size=8).manifest.temperature == 3.0
    assert [file.name for file in copied.parent.iterdir()] == [copied.name]


@pytest.mark.parametrize("failing", ["sha256", "read_config", "_change_json", "opened"])
def test_a_failure_midway_leaves_the_older_model(
    loaded: Artifact, copied: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    before = contents(copied)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(artifact, failing, fail)
    with pytest.raises(OSError, match="no space"):
        save_again(copied, loaded, manifest=dataclasses.replace(loaded.manifest, temperature=3.0))
    assert contents(copied) == before
    assert [file.name for file in copied.parent.iterdir()] == [copied.name]


def test_a_failure_of_the_last_rename_leaves_the_older_model(
    loaded: Artifact, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(copied)
    really = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if Path(target) == copied and self.name == "new":
            raise OSError("interrupted")
        return really(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="interrupted"):
        save_again(copied, loaded)
    assert copied.is_dir(), "the older model is gone"
    assert contents(copied) == before


def test_a_failure_without_an_older_model_leaves_nothing(
    loaded: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(artifact, "sha256", fail)
    with pytest.raises(OSError, match="no space"):
        save_again(tmp_path / "new", loaded)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ("benign", "adult_solicitation", "minor_solicitation")},
        {"labels": ("risk", "benign"), "risk_labels": ("risk",)},
        {"risk_labels": ("unheard_of",)},
        {"temperature": 0.0},
    ],
    ids=["order", "number", "risk label", "temperature"],
)
def test_a_card_that_does_not_fit_the_model_is_not_saved(
    loaded: Artifact, tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(ArtifactCorrupt) as caught:
        save_again(
            tmp_path / "new", loaded, manifest=dataclasses.replace(loaded.manifest, **change)
        )
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_computes_no_numbers_is_not_saved(
    make_model: Callable[..., Path], tmp_path: Path
) -> None:
    broken = load(make_model(seed=2), device="cpu", batch_size=8)
    with torch.no_grad():
        torch_model(broken).classifier.bias.fill_(float("nan"))
    with pytest.raises(ArtifactError):
        save_again(tmp_path / "new", broken)
    assert list(tmp_path.iterdir()) == []


# Fingerprint --------------------------------------------------------------------------------------


def fingerprint(directory: Path) -> str:
    return RiskClassifier.load(directory, device="cpu").fingerprint


def test_the_fingerprint_is_that_of_the_model_wherever_it_lies(
    loaded: Artifact, copied: Path
) -> None:
    assert fingerprint(copied) == RiskClassifier(loaded).fingerprint
    assert len(bytes.fromhex(fingerprint(copied))) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"operating_points": {"standard": OperatingPoint(flag=0.9, review=0.4)}},
        {"operating_points": {"standard": OperatingPoint(flag=0.8, review=0.3)}},
        {"temperature": 1.25},
        {"bias": -0.5},
        {"prevalence": 0.3},
        {"risk_labels": ("adult_solicitation",)},
    ],
    ids=["flag", "review", "temperature", "bias", "prevalence", "risk labels"],
)
def test_the_fingerprint_changes_with_all_that_decides(
    loaded: Artifact, tmp_path: Path, change: dict[str, Any]
) -> None:
    save_again(tmp_path / "new", loaded, manifest=dataclasses.replace(loaded.manifest, **change))
    assert fingerprint(tmp_path / "new") != RiskClassifier(loaded).fingerprint


def test_the_fingerprint_changes_with_the_weights(
    loaded: Artifact, make_model: Callable[..., Path]
) -> None:
    assert fingerprint(make_model(seed=1)) != RiskClassifier(loaded).fingerprint


# The packaged model -------------------------------------------------------------------------------


def test_packaged_model_is_small_safe_and_computed_with_in_float32() -> None:
    directory = Path(artifact.__file__).parent / "default_model"
    files = {file.name: file for file in directory.rglob("*") if file.is_file()}
    assert set(EVERY_FILE) <= set(files)
    assert sum(file.stat().st_size for file in files.values()) <= 72_000_000
    experts = ("aspects", "neighbours", "ngrams", "support")
    weights = {f"{name}.safetensors" for name in ("model", *experts)}
    assert {name for name in files if name.endswith(".safetensors")} == weights
    others = {*files} - {name for names in ENGINE_FILES.values() for name in names}
    assert not [name for name in others if name.endswith((".bin", ".pt", ".pkl", ".pickle"))]
    assert files["openvino.bin"].stat().st_size < 100_000  # the weights are in model.safetensors
    config = json.loads(files["config.json"].read_text(encoding="utf-8"))
    assert config["dtype"] == "float32"


def test_packaged_model_opens_a_plain_pipeline_safely() -> None:
    directory = Path(artifact.__file__).parent / "default_model"
    config = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8"))
    # Otherwise a plain pipeline fails on long posts, and reads "[SEP]" in a post as a command.
    assert config["model_max_length"] <= 512
    assert config["split_special_tokens"] is True


def test_packaged_model_is_what_riskclf_loads_by_default() -> None:
    packaged = RiskClassifier.load(device="cpu")
    assert Path(packaged.info()["model"]) == Path(artifact.__file__).parent / "default_model"


# What would change the answers of a model, or run code -------------------------------------------


def test_an_adapter_beside_a_model_is_refused(copied: Path) -> None:
    config = {"peft_type": "LORA", "base_model_name_or_path": str(copied), "r": 1}
    (copied / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    error = refusal(copied)
    assert isinstance(error, ArtifactCorrupt)
    assert "adapter_config.json" in str(error)


@pytest.mark.parametrize("name", ["more.safetensors", "adapter_model.safetensors"])
def test_weights_that_are_not_listed_are_refused(copied: Path, name: str) -> None:
    shutil.copy(copied / "model.safetensors", copied / name)
    error = refusal(copied)
    assert isinstance(error, ArtifactCorrupt)
    assert name in str(error)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(copied: Path, value: float) -> None:
    file = copied / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    # A row that no probe sentence reads.
    weights["bert.embeddings.word_embeddings.weight"][-1, 0] = value
    safetensors.torch.save_file(weights, file, metadata={"format": "pt"})
    fix_hash(copied, file.name)
    error = refusal(copied)
    assert isinstance(error, ArtifactCorrupt)
    assert "word_embeddings" in str(error)


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", 1e-320), ("temperature", 1e300), ("bias", 1e9), ("temperature", "NaN")],
)
def test_settings_that_make_a_risk_no_number_are_refused(
    copied: Path, name: str, value: float
) -> None:
    edit_manifest(copied, lambda manifest: manifest.update({name: value}))
    assert isinstance(refusal(copied), ArtifactCorrupt)


@pytest.mark.parametrize("setting", ["attn_implementation", "_attn_implementation"])
@pytest.mark.parametrize("kernel", ["someone/kernels", "flash_attention_2"])
def test_an_attention_kernel_of_others_is_refused(copied: Path, setting: str, kernel: str) -> None:
    file = copied / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(config | {setting: kernel}), encoding="utf-8")
    fix_hash(copied, "config.json")
    error = refusal(copied)
    assert isinstance(error, ArtifactCorrupt)
    assert setting in str(error)


def test_config_json_does_not_choose_the_attention(copied: Path) -> None:
    file = copied / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(config | {"_attn_implementation": "eager"}), encoding="utf-8")
    fix_hash(copied, "config.json")
    again = load(copied, device="cpu", batch_size=8)
    assert torch_model(again).config._attn_implementation == "sdpa"


def test_quantised_weights_are_refused(copied: Path) -> None:
    file = copied / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    changed = config | {"quantization_config": {"quant_method": "bitsandbytes"}}
    file.write_text(json.dumps(changed), encoding="utf-8")
    fix_hash(copied, "config.json")
    assert isinstance(refusal(copied), ArtifactCorrupt)


# Formats ------------------------------------------------------------------------------------------


def test_a_model_of_format_2_is_read(copied: Path, loaded: Artifact) -> None:
    def older(manifest: dict[str, Any]) -> None:
        manifest["format"] = 2
        del manifest["roles"]

    edit_manifest(copied, older)
    assert load(copied, device="cpu", batch_size=8).manifest == loaded.manifest


def test_a_file_of_a_kind_that_is_not_known_is_refused(with_report: Path) -> None:
    edit_manifest(
        with_report, lambda manifest: manifest["roles"].update({"finetuning.md": "oracle"})
    )
    error = refusal(with_report)
    assert isinstance(error, ArtifactCorrupt)
    assert "finetuning.md" in str(error) and "install" in str(error)
