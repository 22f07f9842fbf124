"""A classifier in other processes and threads gives what it gives here."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import joblib
import pytest

from riskclf.artifact import Artifact
from riskclf.classifier import RiskClassifier
from riskclf.errors import ArtifactMismatch, ArtifactNotFound, InputError
from riskclf.labels import Prediction
from tests.experts import RAIN

ROOT = Path(__file__).parent.parent


def assert_same(found: Sequence[Prediction], expected: Sequence[Prediction]) -> None:
    """Equal, but for sums that another number of torch's threads makes in another order."""
    for one, other in zip(found, expected, strict=True):
        assert (one.label, one.decision) == (other.label, other.decision)
        assert one.scores == pytest.approx(other.scores, abs=1e-5)


@pytest.fixture
def moving(model_directory: Path, tmp_path: Path) -> Path:
    """A model that may be changed."""
    return Path(shutil.copytree(model_directory, tmp_path / "model"))


def test_a_pickle_names_the_model_and_loads_it_as_it_was(
    moving: Path, sentences: tuple[str, ...]
) -> None:
    points = {"flag": 0.3, "review": 0.1}
    made = RiskClassifier.load(moving, device="cpu", prevalence=0.01, thresholds=points)
    content = pickle.dumps(made)
    assert len(content) < 1000
    again = pickle.loads(content)
    assert again.predict_many(sentences) == made.predict_many(sentences)
    assert again.info() == made.info()
    assert pickle.dumps(again) == content


def test_a_pickle_of_another_model_than_lies_there_is_refused(
    moving: Path, make_model: Callable[..., Path]
) -> None:
    content = pickle.dumps(RiskClassifier.load(moving, device="cpu"))
    shutil.rmtree(moving)
    with pytest.raises(ArtifactNotFound, match="model"):
        pickle.loads(content)
    shutil.copytree(make_model(seed=3), moving)
    with pytest.raises(ArtifactMismatch, match="another model now") as caught:
        pickle.loads(content)
    assert "\n" not in str(caught.value)
    assert str(moving) in str(caught.value)


def test_a_model_without_a_directory_is_pickled_whole(
    moving: Path, loaded: Artifact, classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    gone = RiskClassifier.load(moving, device="cpu", batch_size=8)
    shutil.rmtree(moving)
    for made in (gone, RiskClassifier(loaded)):
        again = pickle.loads(pickle.dumps(made))
        assert again.predict_many(sentences) == classifier.predict_many(sentences)
        assert again.fingerprint == classifier.fingerprint


def test_a_copy_is_as_good_as_the_classifier(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    for made in (copy.copy(classifier), copy.deepcopy({"model": classifier})["model"]):
        assert made.predict_many(sentences) == classifier.predict_many(sentences)


def test_eight_threads_give_what_one_gives(
    classifier: RiskClassifier, model_directory: Path, sentences: tuple[str, ...]
) -> None:
    expected = classifier.predict_many(sentences)
    two = RiskClassifier.load(model_directory, device="cpu", batch_size=8, threads=2)
    for made in (classifier, two):
        with ThreadPoolExecutor(8) as pool:
            for found in pool.map(made.predict_many, [sentences] * 40):
                assert_same(found, expected)


def test_threads_are_those_of_this_model_alone(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    made = RiskClassifier.load(model_directory, device="cpu", threads=2)
    bert = made._artifact.engine.model.base_model  # type: ignore[attr-defined]
    seen = []
    bert.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    made.predict("今日は雨")
    assert seen == [2]
    assert torch.get_num_threads() == before
    with pytest.raises(InputError, match="threads is 0"):
        RiskClassifier.load(model_directory, threads=0)


def test_spawned_processes_and_joblib_compute_the_same(
    model_directory: Path, sentences: tuple[str, ...]
) -> None:
    made = RiskClassifier.load(model_directory, device="cpu", threads=1)
    expected = made.predict_many(sentences)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert_same(pool.submit(made.predict_many, sentences).result(), expected)
    halves = joblib.Parallel(n_jobs=2)(
        joblib.delayed(made)(part) for part in (sentences[:10], sentences[10:])
    )
    assert [len(half) for half in halves] == [10, len(sentences) - 10]
    assert [x.decision for half in halves for x in half] == [x.decision for x in expected]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_computes_the_same(model_directory: Path) -> None:
    made = RiskClassifier.load(model_directory, device="cpu", threads=2)
    expected: list[Prediction] = made.predict_many(RAIN)
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        assert_same(pool.submit(made.predict_many, RAIN).result(timeout=300), expected)


MAP = """
import sys
from datasets import Dataset
from riskclf import RiskClassifier

classifier = RiskClassifier.load(sys.argv[1], device="cpu")
calls = 0

def judged(batch):
    global calls
    calls += 1
    return {"decision": [found.decision for found in classifier.predict_many(batch["text"])]}

posts = Dataset.from_csv(sys.argv[2], cache_dir=sys.argv[3])
found = posts.map(judged, batched=True)
print(calls, *found["decision"])
"""


def test_a_datasets_map_finds_its_cache_in_the_next_run(
    model_directory: Path, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    posts = tmp_path / "posts.csv"
    posts.write_text("text\n今日は雨\n図書館の本\n", encoding="utf-8")
    program = tmp_path / "program.py"
    program.write_text(MAP, encoding="utf-8")

    def run() -> list[str]:
        done = subprocess.run(
            [sys.executable, program, model_directory, posts, tmp_path / "cache"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    first, second = run(), run()
    assert (first[0], second[0]) == ("1", "0")  # computed once, then read
    assert first[1:] == second[1:]
