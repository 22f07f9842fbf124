"""New posts in, a better model out; what is lost is seen, and what is stopped goes on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from transformers import pipeline

import riskclf.finetuning.finetuning
import riskclf.finetuning.trainer
from riskclf import FineTuning, RiskClassifier, artifact, finetune
from riskclf.cli.app import main
from riskclf.engines.pytorch import PytorchEngine
from riskclf.errors import EvaluationError, InputError, RiskclfError
from riskclf.finetuning.replay import OurPost
from riskclf.tokens import Tokenizer
from tests.conftest import MakeModel

# Harmless words stand for the labels: what is tested is whether a term is learned, not which.
PLACES = ("駅", "店", "海", "山", "川", "空", "花", "木")
RAIN = [f"雨が{place}に降る、とても強い雨{n}" for n, place in enumerate(PLACES)]
SNOW = [f"{place}では雪がやんで静かだ{n * n}" for n, place in enumerate(PLACES)]
BREAD = [f"焼いたパンを{place}まで持っていく{n + 20}" for n, place in enumerate(PLACES)]
OLD = [
    *[OurPost(text, {"minor_solicitation": 1.0}, "snow", "old") for text in SNOW],
    *[OurPost(text, {"benign": 1.0}, f"bread-{text}", "old") for text in BREAD],
]


def _rows(
    label: str = "minor_solicitation", texts: Sequence[str] = RAIN, others: Sequence[str] = BREAD
) -> list[dict[str, Any]]:
    return [
        *({"text": text, "label": label} for text in texts),
        *({"text": text, "label": "benign"} for text in others),
    ]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of random weights learns only at a high rate; our posts are stood for by a few."""
    monkeypatch.setattr(riskclf.finetuning.finetuning, "_FOLDS", 2)
    monkeypatch.setattr(riskclf.finetuning.finetuning, "_LEARNING_RATE", 3e-3)
    monkeypatch.setattr(riskclf.finetuning.finetuning, "load_our_posts", lambda: [])


@pytest.fixture(scope="module")
def taught(make_model: MakeModel, tmp_path_factory: pytest.TempPathFactory) -> FineTuning:
    """A model that was taught that rain is a risk, and bread is not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(riskclf.finetuning.finetuning, "_FOLDS", 3)
        patch.setattr(riskclf.finetuning.finetuning, "_LEARNING_RATE", 3e-3)
        patch.setattr(riskclf.finetuning.finetuning, "load_our_posts", lambda: [])
        output = tmp_path_factory.mktemp("taught") / "model"
        return finetune(_rows(), make_model(seed=5), output=output)


def test_it_learns_new_posts_and_says_how_well(taught: FineTuning) -> None:
    classifier = RiskClassifier.load(taught.directory)
    labels = [p.label for p in classifier.predict_many([*RAIN, *BREAD])]
    assert labels == ["minor_solicitation"] * 8 + ["benign"] * 8
    new = taught.report["parts"]["new"]
    recall = new["alarms"]["flag_or_review"]["recall"]
    assert recall["after"]["of"] == 8
    assert recall["after"]["low"] < recall["after"]["value"] <= recall["after"]["high"]
    assert recall["difference"]["value"] == pytest.approx(
        recall["after"]["value"] - recall["before"]["value"]
    )
    assert taught.report["split"] == {"folds": 3, "held_out": 16}
    assert taught.accepted


def test_the_report_lies_in_the_model_and_the_model_holds_no_post(taught: FineTuning) -> None:
    stored = json.loads((taught.directory / "finetuning.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(taught.report))
    assert "not accepted" not in (taught.directory / "finetuning.md").read_text(encoding="utf-8")
    for file in taught.directory.rglob("*"):
        content = file.read_bytes().decode("utf-8", "replace")
        for text in (*RAIN, *BREAD):
            assert text not in content and json.dumps(text)[1:-1] not in content
    assert not list(taught.directory.parent.glob(".*"))


def test_held_out_figures_come_from_models_that_have_not_seen_the_post(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    train = riskclf.finetuning.trainer.train_classifier

    def spied(base: Any, examples: Any, **options: Any) -> Any:
        seen.append([example.text for example in examples])
        return train(base, examples, **options)

    held: list[list[str]] = []
    measured = riskclf.finetuning.finetuning._logits

    def measuring(model: Any, tokenizer: Any, texts: Sequence[str]) -> Any:
        held.append(list(texts))
        return measured(model, tokenizer, texts)

    monkeypatch.setattr(riskclf.finetuning.finetuning, "train_classifier", spied)
    monkeypatch.setattr(riskclf.finetuning.finetuning, "_logits", measuring)
    rows = _rows()
    rows[0]["family"] = rows[1]["family"] = "shower"
    finetune(rows, make_model(seed=5), output=tmp_path / "model")
    assert sorted(text for texts in held for text in texts) == sorted([*RAIN, *BREAD])
    for trained, out in zip(seen, held, strict=False):
        assert not set(trained) & set(out)
    assert set(seen[-1]) == {*RAIN, *BREAD}
    assert any({RAIN[0], RAIN[1]} <= set(out) for out in held)


def test_saved_in_memory_command_line_and_pipeline_agree(
    make_model: MakeModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models: list[Any] = []
    save = artifact.save

    def spied(directory: Any, *, model: Any, **options: Any) -> None:
        models.append(model)
        save(directory, model=model, **options)

    monkeypatch.setattr(artifact, "save", spied)
    result = finetune(_rows(), make_model(seed=5), output=tmp_path / "model")
    texts = [*RAIN, *BREAD, "雨とパン"]
    tokenizer = Tokenizer.load(result.directory)
    windows = [tokenizer.encode(text).head.ids for text in texts]
    encoder = PytorchEngine(models[-1], pad_id=tokenizer.pad_id, device="cpu", batch_size=4)
    in_memory = encoder.compute(windows).logits
    loaded = artifact.load(result.directory, device="cpu", batch_size=4)
    assert np.allclose(loaded.engine.compute(windows).logits, in_memory, atol=1e-4)

    library = RiskClassifier.load(result.directory).predict_many(texts)
    posts = tmp_path / "posts.jsonl"
    lines = [json.dumps({"text": text}) + "\n" for text in texts]
    posts.write_text("".join(lines), encoding="utf-8")
    command = ["predict", "--input", str(posts), "--output", str(tmp_path / "out.jsonl")]
    assert main([*command, "--model", str(result.directory)]) == 0
    found = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    for line, prediction in zip(found, library, strict=True):
        row = json.loads(line)
        assert (row["label"], row["decision"]) == (prediction.label, prediction.decision)
        assert row["risk"] == pytest.approx(prediction.risk, rel=1e-4)
    plain: Any = pipeline("text-classification", model=str(result.directory), top_k=None)
    expected = torch.tensor(in_memory).softmax(dim=1)
    for text, row_of in zip(texts, expected, strict=True):
        scores = {x["label"]: x["score"] for x in plain([text])[0]}
        by_label = dict(zip(loaded.manifest.labels, row_of.tolist(), strict=True))
        assert scores == pytest.approx(by_label, abs=1e-4)


# The gate -----------------------------------------------------------------------------------------


@pytest.fixture
def forgetting(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, Path]]:
    """A base that knows snow as a risk, and posts from which it will unlearn it."""
    base = tmp_path / "base"
    finetune(_rows(texts=SNOW), make_model(seed=5), output=base, accept_regression=True)
    monkeypatch.setattr(riskclf.finetuning.finetuning, "load_our_posts", lambda: OLD)
    posts = tmp_path / "posts.jsonl"
    against = [f"雪だるまと雪合戦、雪の{place}がやんで静か{n}" for n, place in enumerate(PLACES)]
    rows = _rows(others=[*against, *BREAD])
    posts.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    yield base, posts


def test_a_model_that_forgets_is_written_but_not_accepted(
    forgetting: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, posts = forgetting
    output = tmp_path / "model"
    command = ["finetune", str(posts), "--base", str(base), "--output", str(output)]
    assert main(command) == 3
    assert "recall" in capsys.readouterr().out
    stored = json.loads((output / "riskclf.json").read_text(encoding="utf-8"))
    assert stored["accepted"] is False
    with pytest.warns(UserWarning, match="not accepted"):
        RiskClassifier.load(output)


def test_a_regression_can_be_accepted_and_is_recorded(
    forgetting: tuple[Path, Path], tmp_path: Path
) -> None:
    base, posts = forgetting
    output = tmp_path / "model"
    result = finetune(posts, base, output=output, accept_regression=True)
    assert result.accepted and result.report["regression_accepted"]
    assert result.report["reasons"]
    stored = json.loads((output / "finetuning.json").read_text(encoding="utf-8"))
    assert stored["regression_accepted"] is True
    RiskClassifier.load(output)


def test_rehearsed_posts_keep_the_old(
    forgetting: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, posts = forgetting
    rehearsed = [
        OurPost(f"雪が{place}をおおう朝", {"minor_solicitation": 1.0}, "white", "rehearsal")
        for place in PLACES * 3
    ]
    monkeypatch.setattr(riskclf.finetuning.finetuning, "load_our_posts", lambda: [*OLD, *rehearsed])

    def recall(result: FineTuning) -> float:
        old = result.report["parts"]["old"]["alarms"]["flag_or_review"]["recall"]
        return float(old["after"]["value"])

    with_them = recall(finetune(posts, base, output=tmp_path / "with"))
    monkeypatch.setattr(riskclf.finetuning.finetuning, "load_our_posts", lambda: OLD)
    without = recall(finetune(posts, base, output=tmp_path / "without"))
    assert with_them > without


def test_old_posts_are_rehearsed_with_what_the_base_says_and_without_one_with_their_labels(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [
        OurPost(f"雪が{place}をおおう朝", {"benign": 1.0}, place, "rehearsal") for place in PLACES
    ]
    monkeypatch.setattr(riskclf.finetuning.finetuning, "load_our_posts", lambda: old)
    seen: dict[str, tuple[float, ...]] = {}
    train = riskclf.finetuning.trainer.train_classifier

    def spied(base: Any, examples: Any, **options: Any) -> Any:
        seen.update({example.text: example.target for example in examples})
        return train(base, examples, **options)

    monkeypatch.setattr(riskclf.finetuning.finetuning, "train_classifier", spied)
    base = make_model(seed=5, temperature=1.0)
    finetune(_rows(), base, output=tmp_path / "model")
    for post, before in zip(
        old, RiskClassifier.load(base).predict_many(x.text for x in old), strict=True
    ):
        assert seen[post.text] == pytest.approx(list(before.scores.values()), abs=1e-3)
    plain = shutil.copytree(base, tmp_path / "plain")
    (plain / "riskclf.json").unlink()
    finetune(_rows(), plain, output=tmp_path / "from-plain")
    assert {seen[post.text] for post in old} == {(0.0, 0.0, 1.0)}


def test_ordinary_posts_are_measured_and_never_learned_from(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    train = riskclf.finetuning.trainer.train_classifier

    def spied(base: Any, examples: Any, **options: Any) -> Any:
        seen.update(example.text for example in examples)
        return train(base, examples, **options)

    monkeypatch.setattr(riskclf.finetuning.finetuning, "train_classifier", spied)
    ordinary = [{"text": f"花に水をやる{n}"} for n in range(12)]
    posts = tmp_path / "ordinary.txt"
    lines = [*(row["text"] for row in ordinary), "", BREAD[0]]  # one is learned from, too
    posts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = finetune(_rows(), make_model(seed=5), output=tmp_path / "model", natural=posts)
    natural = result.report["parts"]["natural"]["alarms"]["flag"]["false_positive_rate"]
    assert natural["after"]["of"] == len(ordinary)
    assert result.report["natural_source"] == "yours"
    assert not seen & {row["text"] for row in ordinary}


# Few posts, bad posts -----------------------------------------------------------------------------


def test_one_sided_posts_are_warned_of(make_model: MakeModel, tmp_path: Path) -> None:
    result = finetune(_rows(others=[]), make_model(seed=5), output=tmp_path / "model")
    assert any("innocent" in warning for warning in result.report["warnings"])


def test_duplicates_and_contradictions_are_counted_and_listed(
    make_model: MakeModel, tmp_path: Path
) -> None:
    rows = [*_rows(), {"text": RAIN[0], "label": "minor_solicitation"}]
    rows.append({"text": BREAD[0], "label": "adult_solicitation"})
    result = finetune(rows, make_model(seed=5), output=tmp_path / "model")
    assert result.report["data"]["duplicates"] == 1
    assert result.report["data"]["contradictory"] == 2
    assert [reject.number for reject in result.rejects] == [9, 18]


def test_too_few_posts_to_measure_is_an_error(make_model: MakeModel, tmp_path: Path) -> None:
    for rows in (_rows()[:1], [{**row, "family": "one"} for row in _rows()]):
        with pytest.raises(EvaluationError, match="bring more"):
            finetune(rows, make_model(seed=5), output=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_is_wrong_is_said_before_hours_of_work(make_model: MakeModel, tmp_path: Path) -> None:
    base = make_model(seed=5)
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(RiskclfError, match="not a riskclf model"):
        finetune(_rows(), base, output=taken)
    with pytest.raises(InputError, match="risk label 'fog'"):
        finetune(_rows(), base, output=tmp_path / "model", risk_labels=["fog"])
    with pytest.raises(EvaluationError, match="label of the model"):
        finetune([{"text": "fog", "label": "fog"}], base, output=tmp_path / "model")
    with pytest.raises(EvaluationError, match="ordinary"):
        finetune(_rows(), base, output=tmp_path / "model", natural=[])


# Other labels -------------------------------------------------------------------------------------


def test_other_labels_get_a_head_of_their_own(make_model: MakeModel, tmp_path: Path) -> None:
    rows = [{"text": text, "label": "wet"} for text in RAIN]
    rows += [{"text": text, "label": "food"} for text in BREAD]
    data = datasets.Dataset.from_list(rows)
    result = finetune(data, make_model(seed=5), output=tmp_path / "model", risk_labels=["wet"])
    classifier = RiskClassifier.load(result.directory)
    assert classifier.labels == ("food", "wet")
    assert [p.label for p in classifier.predict_many([RAIN[0], BREAD[0]])] == ["wet", "food"]
    assert classifier.info()["saved_as"]["risk_labels"] == ["wet"]
    assert result.report["model_before"] is None
    assert any("flatter" in warning for warning in result.report["warnings"])


def test_a_model_may_have_no_risk_labels(make_model: MakeModel, tmp_path: Path) -> None:
    rows = [{"text": text, "label": "wet"} for text in RAIN]
    rows += [{"text": text, "label": "food"} for text in BREAD]
    finetune(rows, make_model(seed=5), output=tmp_path / "model", risk_labels=[])
    prediction = RiskClassifier.load(tmp_path / "model").predict(RAIN[0])
    assert (prediction.label, prediction.risk, prediction.decision) == ("wet", 0.0, "clear")


# New words ----------------------------------------------------------------------------------------


def test_new_words_are_kept_only_if_they_help_held_out_posts(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_model(seed=5)
    rows = _rows(texts=[f"図書を{place}に返した{n}" for n, place in enumerate(PLACES)])
    result = finetune(rows, base, output=tmp_path / "model", new_words=True)
    compared = result.report["new_words"]["compared"]
    added = result.report["new_words"]["added"]
    assert compared["posts"] == 16
    assert (added > 0) == compared["helps"] == (compared["gain"] > compared["standard_error"])
    before = (base / "vocab.txt").read_text(encoding="utf-8").splitlines()
    after = (tmp_path / "model" / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert len(after) == len(before) + added and after[: len(before)] == before


# Interrupted --------------------------------------------------------------------------------------

_KILLED = """
import os, signal, sys
import riskclf.finetuning.finetuning as f
from tests.finetuning.test_finetuning import _rows

f._FOLDS = 3
f._LEARNING_RATE = 3e-3
f.load_our_posts = lambda: []
train, runs = f.train_classifier, 0

def counted(*arguments, **options):
    global runs
    runs += 1
    if runs == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return train(*arguments, **options)

f.train_classifier = counted
f.finetune(_rows(), sys.argv[1], output=sys.argv[2])
"""


@pytest.mark.parametrize("fold", [2, 4])
def test_a_killed_run_leaves_the_old_model_and_goes_on_to_the_same_result(
    make_model: MakeModel,
    taught: FineTuning,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fold: int,
) -> None:
    monkeypatch.setattr(riskclf.finetuning.finetuning, "_FOLDS", 3)
    base, output = make_model(seed=5), tmp_path / "model"
    old = make_model(seed=9)
    shutil.copytree(old, output)
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(base), str(output), str(fold)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert RiskClassifier.load(output).fingerprint == RiskClassifier.load(old).fingerprint
    stages: list[str] = []
    again = finetune(_rows(), base, output=output, log=stages.append)
    assert len([x for x in stages if x.startswith("cross-validation")]) == 4 - fold
    assert again.report == taught.report
    one, other = (x / "model.safetensors" for x in (taught.directory, output))
    assert one.read_bytes() == other.read_bytes()
    assert not list(tmp_path.glob(".*"))
