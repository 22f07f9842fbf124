"""The OpenVINO engine gives what PyTorch gives, whatever is computed beside a post."""

from __future__ import annotations

import json
import os
import pickle
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from riskclf import RiskClassifier, artifact, optimize
from riskclf.artifact import Artifact
from riskclf.engines.openvino import batch_sizes, import_openvino, padded_length
from riskclf.errors import ArtifactCorrupt, ArtifactMismatch, InputError, MissingExtra
from riskclf.manifest import digest
from tests.conftest import MAX_TOKENS

ROOT = Path(__file__).parents[2]

# OpenVINO sums float32 in an order of its own.
TOLERANCE = 1e-4
# A risk may not move by more with what is computed beside a post.
ALONE = 1e-3

ON_LINUX = sys.platform == "linux" and platform.machine() == "x86_64"


@pytest.fixture(scope="module")
def directories(
    model_directory: Path,
    sentences: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """The shared model with files of the engine, by precision."""
    found = {}
    for precision in ("f32", "int8"):
        found[precision] = tmp_path_factory.mktemp("optimized") / precision
        optimize(
            model_directory,
            output=found[precision],
            precision=precision,
            calibration=[{"text": text} for text in sentences],
        )
    return found


@pytest.fixture(scope="module", params=["f32", "int8"])
def directory(directories: dict[str, Path], request: pytest.FixtureRequest) -> Path:
    """Read only: copy it before changing it."""
    return directories[request.param]


@pytest.fixture(scope="module")
def windows(loaded: Artifact, sentences: tuple[str, ...]) -> list[list[int]]:
    posts = (*sentences, "", "雨", "\n".join(sentences))
    return [x.ids for post in posts for x in loaded.tokenizer.encode(post).windows]


def opened(directory: Path, batch_size: int = 8) -> Artifact:
    return artifact.load(directory, device="cpu", batch_size=batch_size, engine="openvino")


def copied(directory: Path, place: Path) -> Path:
    return Path(shutil.copytree(directory, place / "copy"))


def change_manifest(directory: Path, change: Callable[[dict[str, object]], None]) -> None:
    file = directory / "riskclf.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    change(values)
    file.write_text(json.dumps(values | {"digest": digest(values)}), encoding="utf-8")


def test_all_outputs_are_those_of_pytorch(
    directories: dict[str, Path], loaded: Artifact, windows: list[list[int]]
) -> None:
    found, expected = (
        opened(directories["f32"]).engine.compute(windows),
        loaded.engine.compute(windows),
    )
    for name, values in expected.columns.items():
        np.testing.assert_allclose(found.columns[name], values, rtol=0, atol=TOLERANCE)
        assert found.columns[name].dtype == np.float32
        assert values.std() > 100 * TOLERANCE  # else a constant would pass


def test_rounded_outputs_are_near_those_of_pytorch(
    directories: dict[str, Path], loaded: Artifact, windows: list[list[int]]
) -> None:
    found, expected = (
        opened(directories["int8"]).engine.compute(windows),
        loaded.engine.compute(windows),
    )
    assert np.abs(found.logits - expected.logits).max() > TOLERANCE  # it is rounded indeed
    for name, values in expected.columns.items():
        cosines = (found.columns[name] * values).sum(axis=1) / (
            np.linalg.norm(found.columns[name], axis=1) * np.linalg.norm(values, axis=1)
        )
        assert cosines.mean() > 0.95, name


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_outputs_do_not_depend_on_the_batch(
    directory: Path, windows: list[list[int]], batch_size: int
) -> None:
    engine = opened(directory, batch_size).engine
    order = np.random.default_rng(0).permutation(len(windows)).tolist()
    together = engine.compute([windows[index] for index in order]).logits
    alone = np.concatenate([engine.compute([window]).logits for window in windows])
    # A risk moves by a quarter of what a logit moves by, at most.
    np.testing.assert_allclose(together, alone[order], rtol=0, atol=4 * ALONE)


def test_the_risk_of_a_post_does_not_depend_on_the_posts_beside_it(
    directory: Path, sentences: tuple[str, ...]
) -> None:
    classifier = RiskClassifier.load(directory, device="cpu", engine="openvino")
    together = classifier.predict_many([*sentences, "\n".join(sentences)])
    for text, beside in zip(sentences, together, strict=False):
        alone = classifier.predict(text)
        assert abs(alone.risk - beside.risk) <= ALONE
        assert (alone.label, alone.decision) == (beside.label, beside.decision)


def test_no_windows_give_no_rows(directory: Path) -> None:
    found = opened(directory).engine.compute([])
    assert (found.logits.shape, found.pooled.shape, found.sentence.shape) == (
        (0, 3),
        (0, 32),
        (0, 32),
    )


def test_a_window_is_padded_by_little_and_never_beyond_the_model() -> None:
    for length in range(2, 200):
        padded = padded_length(length, 512)
        assert length <= padded < length + (4 if length <= 64 else 32)
    assert padded_length(62, 63) == 63


def test_batches_hold_every_window_once() -> None:
    assert [*batch_sizes(0, 8)] == []
    assert [*batch_sizes(29, 8)] == [8, 8, 8, 4, 1]
    for count in range(100):
        sizes = [*batch_sizes(count, 7)]
        assert sum(sizes) == count
        assert all(size <= 7 for size in sizes)


def test_a_window_of_the_full_length_is_computed(directory: Path, loaded: Artifact) -> None:
    longest = [[2, *[7] * (MAX_TOKENS - 2), 3]]
    found, expected = opened(directory).engine.compute(longest), loaded.engine.compute(longest)
    assert np.abs(found.logits - expected.logits).max() < 1.0


def test_what_the_engine_is_can_be_asked(directory: Path, model_directory: Path) -> None:
    classifier = RiskClassifier.load(directory, device="cpu", engine="openvino")
    info, before = classifier.info(), RiskClassifier.load(model_directory, device="cpu").info()
    assert (info["engine"], info["device"], before["engine"]) == ("openvino", "cpu", "pytorch")
    assert info["parameters"] == before["parameters"]


@pytest.mark.skipif(not ON_LINUX, reason="auto chooses it on Linux on x86-64 only")
def test_auto_takes_it_where_its_files_are(directory: Path, model_directory: Path) -> None:
    assert RiskClassifier.load(directory, device="cpu").info()["engine"] == "openvino"
    assert RiskClassifier.load(model_directory, device="cpu").info()["engine"] == "pytorch"


def test_auto_takes_pytorch_where_openvino_is_not_installed(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riskclf.engines.openvino.find_spec", lambda name: None)
    assert RiskClassifier.load(directory, device="cpu").info()["engine"] == "pytorch"


@pytest.mark.parametrize(("system", "machine"), [("linux", "aarch64"), ("win32", "AMD64")])
def test_auto_takes_pytorch_on_other_systems(
    directory: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr("riskclf.engines.openvino._HERE", (system, machine))
    assert (
        artifact.load(directory, device="cpu", batch_size=8, engine="auto").engine_name == "pytorch"
    )


def test_auto_takes_pytorch_where_openvino_computes_something_else(
    directory: Path, tmp_path: Path
) -> None:
    changed = copied(directory, tmp_path)

    def spoil(values: dict[str, object]) -> None:
        engines: dict[str, dict[str, list[dict[str, list[float]]]]] = values["engines"]  # type: ignore[assignment]
        engines["openvino"]["probes"][0]["logits"][0] += 1.0

    change_manifest(changed, spoil)
    assert RiskClassifier.load(changed, device="cpu").info()["engine"] == "pytorch"
    with pytest.raises(ArtifactMismatch, match="does not compute"):
        RiskClassifier.load(changed, device="cpu", engine="openvino")


def test_without_openvino_the_error_says_how_to_install_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r'pip install "riskclf\[fast\]"'):
        RiskClassifier.load(directory, engine="openvino")


def test_a_model_without_files_for_it_says_how_to_build_them(model_directory: Path) -> None:
    with pytest.raises(InputError, match=f"riskclf optimize {model_directory}"):
        RiskClassifier.load(model_directory, engine="openvino")


def test_an_engine_that_there_is_not_is_refused(model_directory: Path) -> None:
    with pytest.raises(InputError, match="auto, pytorch, openvino"):
        RiskClassifier.load(model_directory, engine="abacus")


def test_another_device_is_refused(directory: Path) -> None:
    with pytest.raises(InputError, match="engine pytorch"):
        RiskClassifier.load(directory, engine="openvino", device="cuda")


def test_an_altered_file_is_refused_whatever_engine_is_asked_for(
    directory: Path, tmp_path: Path
) -> None:
    changed = copied(directory, tmp_path)
    content = bytearray((changed / "openvino.bin").read_bytes())
    content[100] ^= 1
    (changed / "openvino.bin").write_bytes(content)
    for engine in ("openvino", "pytorch", "auto"):
        with pytest.raises(ArtifactCorrupt, match=r"openvino\.bin is not the file"):
            RiskClassifier.load(changed, engine=engine)


def test_without_its_files_the_model_is_what_it_was(directory: Path, tmp_path: Path) -> None:
    changed = copied(directory, tmp_path)
    (changed / "openvino.xml").unlink()
    assert RiskClassifier.load(changed, device="cpu").info()["engine"] == "pytorch"
    with pytest.raises(InputError, match="optimize"):
        RiskClassifier.load(changed, engine="openvino")


def test_the_files_stay_with_a_model_that_gets_other_thresholds(
    directory: Path, tmp_path: Path
) -> None:
    before = RiskClassifier.load(directory, device="cpu", engine="openvino")
    before.save(tmp_path / "own", thresholds={"flag": 0.9, "review": 0.2})
    after = RiskClassifier.load(tmp_path / "own", device="cpu", engine="openvino")
    assert after.info()["thresholds"] == {"flag": 0.9, "review": 0.2}


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        env={name: x for name, x in os.environ.items() if name != "OMP_NUM_THREADS"} | environment,
    )


def test_neither_torch_nor_transformers_nor_telemetry_is_imported(directory: Path) -> None:
    code = (
        "import sys\n"
        "from riskclf import RiskClassifier\n"
        f"classifier = RiskClassifier.load({str(directory)!r}, engine='openvino')\n"
        "classifier.predict('今日は雨')\n"
        "print(*{'torch', 'transformers', 'openvino_telemetry'} & {*sys.modules})"
    )
    done = run(code)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


FORKED = """
import os, sys
from riskclf import RiskClassifier
classifier = RiskClassifier.load(sys.argv[1], device="cpu", engine="openvino")
posts = ["今日は図書館で本を借りました。" * 8] * 64
before = [x.risk for x in classifier.predict_many(posts)]
child = os.fork()
if child == 0:
    after = [x.risk for x in classifier.predict_many(posts)]
    os._exit(0 if max(abs(a - b) for a, b in zip(before, after)) < 1e-3 else 3)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_after_a_prediction_predicts_too(directory: Path) -> None:
    done = run(f"import sys; sys.argv = ['-c', {str(directory)!r}]\n{FORKED}")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_number_of_threads_is_the_users(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for asked, expected in ((None, 1), (2, 2)):
        found = artifact.load(
            directory, device="cpu", batch_size=8, engine="openvino", threads=asked
        )
        compiled = found.engine._compiled  # type: ignore[attr-defined]
        assert compiled.get_property("INFERENCE_NUM_THREADS") == expected
    with pytest.raises(InputError, match="threads is 0"):
        RiskClassifier.load(directory, device="cpu", engine="openvino", threads=0)


def test_a_pickle_asks_for_the_same_engine(directory: Path, sentences: tuple[str, ...]) -> None:
    made = RiskClassifier.load(directory, device="cpu", engine="openvino", threads=1)
    again = pickle.loads(pickle.dumps(made))
    assert again.info()["engine"] == "openvino"
    assert again.predict_many(sentences) == made.predict_many(sentences)


def test_a_model_whose_directory_is_gone_is_pickled_whole(
    directory: Path, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    gone = copied(directory, tmp_path)
    made = RiskClassifier.load(gone, device="cpu", engine="openvino", threads=1)
    shutil.rmtree(gone)
    again = pickle.loads(pickle.dumps(made))
    assert again.predict_many(sentences) == made.predict_many(sentences)


def test_several_threads_may_predict_at_once(directory: Path, sentences: tuple[str, ...]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    classifier = RiskClassifier.load(directory, device="cpu", engine="openvino")
    expected = [x.risk for x in classifier.predict_many(sentences)]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda _: [x.risk for x in classifier.predict_many(sentences)], range(12))
        for risks in found:
            np.testing.assert_allclose(risks, expected, rtol=0, atol=ALONE)


def test_importing_the_package_leaves_telemetry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    import_openvino()
    assert "openvino_telemetry" not in sys.modules
