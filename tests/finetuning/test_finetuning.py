"""New posts in, a better model out; what is lost is seen, and what is wrong is said at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from transformers import pipeline

from riskclf import FineTuning, RiskClassifier, artifact, finetune
from riskclf.cli.app import main
from riskclf.engines.pytorch import PytorchEngine
from riskclf.errors import EvaluationError, InputError, RiskclfError
from riskclf.evaluation.figures import Proportion
from riskclf.files import locked
from riskclf.finetuning.figures import Part
from riskclf.tokens import Tokenizer
from tests.conftest import MakeModel
from tests.finetuning.lessons import (
    BREAD,
    OLD,
    PLACES,
    RAIN,
    SNOW,
    rows,
    shorten,
    spy_on_training,
)

pytestmark = pytest.mark.usefixtures("quick")


def _part(result: FineTuning, name: str) -> Part:
    part = result.report.parts[name]
    assert part is not None
    return part


def test_it_learns_new_posts_and_says_how_well(taught: FineTuning) -> None:
    classifier = RiskClassifier.load(taught.directory)
    labels = [p.label for p in classifier.predict_many([*RAIN, *BREAD])]
    assert labels == ["minor_solicitation"] * 8 + ["benign"] * 8
    recall = _part(taught, "new").alarms["flag_or_review"].recall
    before, after = recall.before, recall.after
    assert isinstance(before, Proportion) and isinstance(after, Proportion)
    assert after.of == 8
    assert after.value is not None and before.value is not None
    assert after.low < after.value <= after.high
    assert recall.difference is not None
    assert recall.difference.value == pytest.approx(after.value - before.value)
    assert taught.report.split.to_dict() == {"folds": 3, "held_out": 16}
    assert taught.accepted


def test_the_report_lies_in_the_model_and_the_model_holds_no_post(taught: FineTuning) -> None:
    stored = json.loads((taught.directory / "finetuning.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(taught.report.to_dict()))
    assert "not accepted" not in (taught.directory / "finetuning.md").read_text(encoding="utf-8")
    for file in taught.directory.rglob("*"):
        content = file.read_bytes().decode("utf-8", "replace")
        for text in (*RAIN, *BREAD):
            assert text not in content and json.dumps(text)[1:-1] not in content
    assert not list(taught.directory.parent.glob(".*"))


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
    result = finetune(rows(), base=make_model(seed=5), output=tmp_path / "model")
    texts = [*RAIN, *BREAD, "雨とパン"]
    tokenizer = Tokenizer.load(result.directory)
    windows = [tokenizer.encode(text).head.ids for text in texts]
    engine = PytorchEngine(models[-1], pad_id=tokenizer.pad_id, device="cpu", batch_size=4)
    in_memory = engine.compute(windows).logits
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


# Progress -----------------------------------------------------------------------------------------


def test_the_minutes_are_told_before_training_and_one_count_goes_over_all_of_it(
    make_model: MakeModel, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int | None]] = []
    finetune(
        rows(),
        base=make_model(seed=5),
        output=tmp_path / "model",
        progress=lambda *step: told.append(step),
    )
    stages = list(dict.fromkeys(stage for stage, *_ in told))
    assert stages == [
        "reading posts",
        "about 1 minute (3 trainings)",
        "cross-validation 1/2",
        "cross-validation 2/2",
        "final training",
        "measuring",
    ]
    counted = [(done, total) for _, done, total in told if total]
    total = counted[0][1]
    assert {x for _, x in counted} == {total}
    done = [x for x, _ in counted]
    assert done == sorted(done) and done[-1] == total


def test_without_a_terminal_the_minutes_are_a_line_on_standard_error(
    make_model: MakeModel, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    posts = tmp_path / "posts.jsonl"
    posts.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    command = ["finetune", str(posts), "--base", str(make_model(seed=5))]
    main([*command, "--output", str(tmp_path / "model")])
    assert "about 1 minute (3 trainings)" in capfd.readouterr().err.splitlines()


# The gate -----------------------------------------------------------------------------------------


@pytest.fixture
def forgetting(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, Path]]:
    """A base that knows snow as a risk, and posts from which it will unlearn it."""
    base = tmp_path / "base"
    finetune(rows(texts=SNOW), base=make_model(seed=5), output=base, accept_regression=True)
    shorten(monkeypatch, ours=OLD)
    posts = tmp_path / "posts.jsonl"
    against = [f"雪だるまと雪合戦、雪の{place}がやんで静か{n}" for n, place in enumerate(PLACES)]
    given = rows(others=[*against, *BREAD])
    posts.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
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
    result = finetune(posts, base=base, output=output, accept_regression=True)
    assert result.accepted and result.report.regression_accepted
    assert result.report.reasons
    stored = json.loads((output / "finetuning.json").read_text(encoding="utf-8"))
    assert stored["regression_accepted"] is True
    RiskClassifier.load(output)


def test_ordinary_posts_are_measured_and_never_trained_on(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    spy_on_training(monkeypatch, lambda _, examples: seen.update(x.text for x in examples))
    ordinary = [{"text": f"花に水をやる{n}"} for n in range(12)]
    posts = tmp_path / "ordinary.txt"
    lines = [*(row["text"] for row in ordinary), "", BREAD[0]]  # one is trained on, too
    posts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = finetune(rows(), base=make_model(seed=5), output=tmp_path / "model", natural=posts)
    natural = _part(result, "natural").alarms["flag"].false_positive_rate.after
    assert isinstance(natural, Proportion) and natural.of == len(ordinary)
    assert seen and not seen & {row["text"] for row in ordinary}


# Few posts, bad posts -----------------------------------------------------------------------------


def test_one_sided_posts_are_warned_of(make_model: MakeModel, tmp_path: Path) -> None:
    result = finetune(rows(others=[]), base=make_model(seed=5), output=tmp_path / "model")
    assert any("Add harmless posts" in warning for warning in result.report.warnings)


def test_duplicates_and_contradictions_are_counted_and_listed(
    make_model: MakeModel, tmp_path: Path
) -> None:
    given = [*rows(), {"text": RAIN[0], "label": "minor_solicitation"}]
    given.append({"text": BREAD[0], "label": "adult_solicitation"})
    result = finetune(given, base=make_model(seed=5), output=tmp_path / "model")
    assert result.report.data.duplicates == 1
    assert result.report.data.contradictory == 2
    assert [reject.number for reject in result.rejects] == [9, 18]


def test_too_few_posts_to_measure_is_an_error(make_model: MakeModel, tmp_path: Path) -> None:
    for given in (rows()[:1], [{**row, "family": "one"} for row in rows()]):
        with pytest.raises(EvaluationError, match="add posts that differ"):
            finetune(given, base=make_model(seed=5), output=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_is_wrong_is_said_before_any_training(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riskclf.finetuning.learning.train_classifier", None)
    base = make_model(seed=5)
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(RiskclfError, match="not a riskclf model"):
        finetune(rows(), base=base, output=taken)
    with pytest.raises(InputError, match="risk label 'fog'"):
        finetune(rows(), base=base, output=tmp_path / "model", risk_labels=["fog"])
    with pytest.raises(EvaluationError, match="label of the model"):
        finetune([{"text": "fog", "label": "fog"}], base=base, output=tmp_path / "model")
    with pytest.raises(EvaluationError, match="ordinary"):
        finetune(rows(), base=base, output=tmp_path / "model", natural=[])
    with pytest.raises(InputError, match="device 'abacus'"):
        finetune(rows(), base=base, output=tmp_path / "model", device="abacus")


def test_a_base_whose_labels_are_all_risks_is_refused_before_any_training(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riskclf.finetuning.learning.train_classifier", None)
    base = make_model(labels=("wet", "dry"), risk_labels=("wet", "dry"))
    given = [{**row, "label": "wet" if row["label"] != "benign" else "dry"} for row in rows()]
    with pytest.raises(InputError, match="all labels of the base") as caught:
        finetune(given, base=base, output=tmp_path / "model")
    assert "\n" not in str(caught.value)


def test_a_second_run_on_the_same_output_is_refused(make_model: MakeModel, tmp_path: Path) -> None:
    base, output = make_model(seed=5), tmp_path / "model"
    with locked(output), ThreadPoolExecutor() as others:
        second = others.submit(finetune, rows(), base=base, output=output)
        with pytest.raises(InputError, match="another run") as caught:
            second.result()
    assert "\n" not in str(caught.value)


# Other labels -------------------------------------------------------------------------------------


def test_other_labels_get_a_head_of_their_own(make_model: MakeModel, tmp_path: Path) -> None:
    given = [{"text": text, "label": "wet"} for text in RAIN]
    given += [{"text": text, "label": "food"} for text in BREAD]
    data = datasets.Dataset.from_list(given)
    result = finetune(data, base=make_model(seed=5), output=tmp_path / "model", risk_labels=["wet"])
    classifier = RiskClassifier.load(result.directory)
    assert classifier.labels == ("food", "wet")
    assert [p.label for p in classifier.predict_many([RAIN[0], BREAD[0]])] == ["wet", "food"]
    assert classifier.info()["saved_as"]["risk_labels"] == ["wet"]
    assert result.report.model_before is None
    assert any("optimistic" in warning for warning in result.report.warnings)


def test_a_model_may_have_no_risk_labels(make_model: MakeModel, tmp_path: Path) -> None:
    given = [{"text": text, "label": "wet"} for text in RAIN]
    given += [{"text": text, "label": "food"} for text in BREAD]
    finetune(given, base=make_model(seed=5), output=tmp_path / "model", risk_labels=[])
    prediction = RiskClassifier.load(tmp_path / "model").predict(RAIN[0])
    assert (prediction.label, prediction.risk, prediction.decision) == ("wet", 0.0, "clear")


# New words ----------------------------------------------------------------------------------------


def test_new_words_are_kept_only_if_they_help_held_out_posts(
    make_model: MakeModel, tmp_path: Path
) -> None:
    base = make_model(seed=5)
    given = rows(texts=[f"図書を{place}に返した{n}" for n, place in enumerate(PLACES)])
    result = finetune(given, base=base, output=tmp_path / "model", new_words=True)
    compared = result.report.new_words.compared
    added = result.report.new_words.added
    assert compared is not None and compared.posts == 16
    assert (added > 0) == compared.helps == (compared.gain > compared.standard_error)
    before = (base / "vocab.txt").read_text(encoding="utf-8").splitlines()
    after = (tmp_path / "model" / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert len(after) == len(before) + added and after[: len(before)] == before
