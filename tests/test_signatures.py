"""A signature says who made a model; without one nothing does."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from riskclf import RiskClassifier, artifact, signatures
from riskclf.artifact import load, sign
from riskclf.decide import OperatingPoint
from riskclf.errors import ArtifactCorrupt, ArtifactError, InputError, MissingExtra, SignatureError
from riskclf.signatures import VARIABLE, new_key
from riskclf.verification import verify
from tests.hostile.directories import reseal

OTHER_POST = "駅前で傘を買ったら、すぐに雨がやんだ。"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "key"
    new_key(file)
    return file


@pytest.fixture(scope="module")
def public(key: Path) -> Path:
    return key.with_name("key.pub")


@pytest.fixture(scope="module")
def signed(model_directory: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    directory = tmp_path_factory.mktemp("signed") / "model"
    shutil.copytree(model_directory, directory)
    sign(directory, key)
    return directory


@pytest.fixture
def copied(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "model"))


def refusal(directory: Path, public: Path) -> str:
    with pytest.raises(SignatureError) as caught:
        load(directory, device="cpu", batch_size=8, public_key=public)
    message = str(caught.value)
    assert message.isprintable()
    assert str(directory) in message
    return message


def test_a_signed_model_is_loaded_with_the_key_and_without(signed: Path, public: Path) -> None:
    with_key = RiskClassifier.load(signed, device="cpu", public_key=public)
    assert with_key.fingerprint == RiskClassifier.load(signed, device="cpu").fingerprint
    assert with_key.predict(OTHER_POST).label in with_key.labels


def test_a_model_without_a_signature_is_refused(model_directory: Path, public: Path) -> None:
    assert "riskclf.sig" in refusal(model_directory, public)


def test_a_model_that_another_key_signed_is_refused(signed: Path, tmp_path: Path) -> None:
    new_key(tmp_path / "other")
    refusal(signed, tmp_path / "other.pub")


@pytest.mark.parametrize("name", ["vocab.txt", "config.json", "riskclf.json", "model.safetensors"])
def test_a_change_of_any_file_breaks_the_signature(copied: Path, public: Path, name: str) -> None:
    """Hash and digest are computed anew, as anybody can: that alone is not noticed."""
    file = copied / name
    if name.endswith(".json"):
        values = json.loads(file.read_text(encoding="utf-8"))
        values["initializer_range" if name == "config.json" else "temperature"] = 1.25
        file.write_text(json.dumps(values), encoding="utf-8")
    else:
        content = file.read_bytes()
        file.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    reseal(copied)
    refusal(copied, public)


def test_files_that_differ_from_their_hash_are_refused_in_a_signed_model(
    copied: Path, public: Path
) -> None:
    (copied / "vocab.txt").write_bytes((copied / "vocab.txt").read_bytes() + b"x\n")
    with pytest.raises(ArtifactCorrupt, match=r"vocab\.txt"):
        load(copied, device="cpu", batch_size=8, public_key=public)


@pytest.mark.parametrize(
    "content",
    [b"", b"AAAA", b"\xff\xfe", b"!" * 88, base64.b64encode(bytes(64)), b"A" * 20_000],
    ids=["empty", "short", "not text", "not base64", "zeros", "long"],
)
def test_a_signature_that_is_none_is_refused(copied: Path, public: Path, content: bytes) -> None:
    (copied / "riskclf.sig").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"riskclf\.sig"):
        load(copied, device="cpu", batch_size=8, public_key=public)


def test_the_variable_asks_for_a_signature_of_all_but_the_packaged_model(
    signed: Path, model_directory: Path, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(public))
    RiskClassifier.load(signed, device="cpu")
    RiskClassifier.load(device="cpu")
    with pytest.raises(SignatureError):
        RiskClassifier.load(model_directory, device="cpu")
    with pytest.raises(SignatureError):
        RiskClassifier.load(device="cpu", public_key=public)


def test_a_new_model_is_saved_where_a_signature_is_asked_for(
    signed: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(public))
    classifier = RiskClassifier.load(signed, device="cpu")
    classifier.save(tmp_path / "same")
    RiskClassifier.load(tmp_path / "same", device="cpu")  # with its signature
    classifier.save(tmp_path / "own", thresholds={"flag": 0.9, "review": 0.5})
    assert not (tmp_path / "own" / "riskclf.sig").exists()
    with pytest.raises(SignatureError):
        RiskClassifier.load(tmp_path / "own", device="cpu")


def test_copying_a_signed_model_with_another_point_leaves_the_signature_out(
    signed: Path, tmp_path: Path
) -> None:
    loaded = load(signed, device="cpu", batch_size=8)
    artifact.copy(loaded, tmp_path / "copy", OperatingPoint(flag=0.9, review=0.2))
    assert not (tmp_path / "copy" / "riskclf.sig").exists()


def test_a_model_that_does_not_load_is_not_signed(copied: Path, key: Path) -> None:
    (copied / "riskclf.sig").unlink()
    (copied / "vocab.txt").write_bytes(b"x\n")
    with pytest.raises(ArtifactCorrupt):
        sign(copied, key)
    assert not (copied / "riskclf.sig").exists()


def test_openssl_agrees(signed: Path, public: Path, tmp_path: Path) -> None:
    """Keys and signature are of the usual kind: another program checks them."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    digest = json.loads((signed / "riskclf.json").read_text(encoding="utf-8"))["digest"]
    (tmp_path / "message").write_text(f"riskclf model\n{digest}\n", encoding="ascii")
    (tmp_path / "sig").write_bytes(base64.b64decode((signed / "riskclf.sig").read_bytes()))
    words = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-rawin",
        "-pubin",
        "-in",
        "message",
        "-sigfile",
        "sig",
        "-inkey",
    ]
    done = subprocess.run([*words, str(public)], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# Keys ---------------------------------------------------------------------------------------------


def test_a_private_key_is_for_its_owner_only(key: Path, public: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert b"PRIVATE" in key.read_bytes()
    assert b"PRIVATE" not in public.read_bytes()


@pytest.mark.parametrize("there", ["key", "key.pub"])
def test_a_key_is_never_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="exists"):
        new_key(tmp_path / "key")
    assert {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()} == {there: "mine"}


def test_the_name_of_a_key_is_that_of_its_signatures(key: Path, public: Path, copied: Path) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    raw = load_pem_public_key(public.read_bytes()).public_bytes_raw()  # type: ignore[union-attr]
    assert sign(copied, key) == hashlib.sha256(raw).hexdigest()[:32]


def test_a_file_that_is_no_key_is_refused(
    signed: Path, copied: Path, key: Path, public: Path, tmp_path: Path
) -> None:
    for file in (key, copied / "vocab.txt", tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError, match=str(file)):
            load(signed, device="cpu", batch_size=8, public_key=file)
    for file in (public, copied / "vocab.txt", tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError, match=str(file)):
            sign(copied, file)


def test_a_private_key_with_a_passphrase_is_refused(copied: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "locked").write_bytes(content)
    with pytest.raises(InputError, match="passphrase"):
        sign(copied, tmp_path / "locked")


def test_the_package_for_signatures_is_named_where_it_is_missing(
    signed: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtra, match=r'pip install "riskclf\[sign\]"'):
        signatures.verify(signed, "0" * 64, public)
    with pytest.raises(MissingExtra, match="riskclf"):
        verify(signed, public_key=public)  # not just skipped
    with pytest.raises(MissingExtra, match="riskclf"):
        new_key(tmp_path / "key")
    assert not [*tmp_path.iterdir()]
