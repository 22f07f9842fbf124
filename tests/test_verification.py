"""`riskclf info --verify` looks at every file, the signature, and what each engine computes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from riskclf.artifact import sign
from riskclf.engines.openvino import import_openvino
from riskclf.optimization.conversion import save
from riskclf.signatures import VARIABLE, new_key
from riskclf.verification import Checked, Verification, verify
from tests.cli.helpers import run
from tests.hostile.directories import build, reseal


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With every expert, and files for OpenVINO. Read only."""
    return build(tmp_path_factory.mktemp("good"))


@pytest.fixture
def copied(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "model"))


def by_name(found: Verification) -> dict[str, Checked]:
    return {check.what: check for check in found.checks}


def failed(found: Verification) -> list[str]:
    assert found.ok == all(check.status != "failed" for check in found.checks)
    return [check.what for check in found.checks if check.status == "failed"]


def test_every_file_and_every_engine_of_a_good_model_is_checked(good: Path) -> None:
    found = verify(good)
    assert found.ok
    assert {file.name for file in good.iterdir()} <= {*by_name(found)}
    names = {"weights", "engine pytorch", "engine openvino", "pytorch and openvino", "support"}
    assert {by_name(found)[name].status for name in names} == {"ok"}
    assert by_name(found)["signature"].status == "skipped"
    assert found.unlisted == ()
    assert found.fingerprint == json.loads((good / "riskclf.json").read_text("utf-8"))["digest"]


@pytest.mark.parametrize("name", ["vocab.txt", "model.safetensors", "support.safetensors"])
def test_a_file_that_was_changed_is_named_and_nothing_is_computed(copied: Path, name: str) -> None:
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    found = verify(copied)
    assert failed(found) == [name]
    assert by_name(found)["engine pytorch"].status == "skipped"


def test_a_manifest_that_cannot_be_read_is_all_that_is_said(copied: Path) -> None:
    (copied / "riskclf.json").write_text("{}", encoding="utf-8")
    found = verify(copied)
    assert failed(found) == ["riskclf.json"]
    assert found.fingerprint == ""


def test_an_engine_that_gives_other_vectors_is_found(copied: Path) -> None:
    """No probe sentence shows it: what is compared there does not depend on this output."""
    openvino = import_openvino()
    core, files = openvino.Core(), [copied / "openvino.bin", copied / "model.safetensors"]
    weights = np.concatenate([np.fromfile(file, dtype=np.uint8) for file in files])
    model = core.read_model((copied / "openvino.xml").read_bytes(), openvino.Tensor(weights))
    pooled = model.output("pooled").get_node().input_value(0)
    names = pooled.get_tensor().get_names()
    half = openvino.opset13.multiply(pooled, np.float32(0.5)).output(0)
    pooled.get_tensor().set_names(set())
    half.get_tensor().set_names(names)
    outputs = [
        half if names & x.get_names() else x.get_node().input_value(0) for x in model.outputs
    ]
    changed = openvino.Model(outputs, model.get_parameters())
    for name in ("precision", "parameters", "positions"):
        changed.set_rt_info(model.get_rt_info(["riskclf", name]).astype(str), ["riskclf", name])
    save(changed, copied / "openvino.xml", as_16_bits=False)
    reseal(copied)
    assert failed(verify(copied)) == ["pytorch and openvino"]


def test_a_missing_engine_file_is_no_failure(copied: Path) -> None:
    (copied / "openvino.bin").unlink()
    found = verify(copied)
    assert found.ok
    assert by_name(found)["engine openvino"].status == "skipped"


def test_files_that_are_never_read_are_listed(copied: Path) -> None:
    (copied / "pytorch_model.bin").write_bytes(b"x")
    (copied / "a\x1b[2J").mkdir()
    assert verify(copied).unlisted == ("a\\x1b[2J/", "pytorch_model.bin")


def test_a_signature_is_checked_where_there_is_a_key(copied: Path, tmp_path: Path) -> None:
    name = new_key(tmp_path / "key")
    public = tmp_path / "key.pub"
    assert failed(verify(copied, public_key=public)) == ["signature"]
    sign(copied, tmp_path / "key")
    found = verify(copied, public_key=public)
    assert found.ok
    assert name in by_name(found)["signature"].found
    assert "riskclf.sig" not in found.unlisted


# On the command line ------------------------------------------------------------------------------


def test_a_line_for_each_check_and_the_status(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("info", "--verify", "--model", str(copied)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "ok      vocab.txt: its SHA-256 agrees" in lines
    (copied / "README.md").write_text("x", encoding="utf-8")
    (copied / "vocab.txt").write_text("x", encoding="utf-8")
    assert run("info", "--verify", "--model", str(copied)) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [x for x in lines if x.startswith("failed  vocab.txt: ")]
    assert [x for x in lines if x.startswith("ignored README.md: ")]
    assert run("info", "--verify", "--json", "--model", str(copied)) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert {"what", "status", "found"} == {*found["checks"][0]}


def test_a_model_is_signed_and_verified_on_the_command_line(
    copied: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("new-key", str(tmp_path / "key")) == 0
    assert run("new-key", str(tmp_path / "key")) == 2
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key.pub"))
    assert run("predict", "今日は雨", "--model", str(copied)) == 2
    assert "riskclf.sig" in capsys.readouterr().err
    assert run("sign", str(copied), "--key", str(tmp_path / "key")) == 0
    assert run("predict", "今日は雨", "--model", str(copied)) == 0
    capsys.readouterr()
    assert run("info", "--verify", "--model", str(copied)) == 0
    assert "ok      signature: by the key" in capsys.readouterr().out
