"""Every expert of the base learns the new posts, and what else it knows survives."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from riskclf import FineTuning, RiskClassifier, artifact, finetune
from riskclf.artifact import Artifact, load
from riskclf.aspects import Heads
from riskclf.cli.app import main
from riskclf.encoder import Outputs
from riskclf.engines.pytorch import PytorchEngine
from riskclf.errors import InputError
from riskclf.finetuning.base import locate_base
from riskclf.finetuning.known import Known
from riskclf.finetuning.learning import Trainings
from riskclf.finetuning.replay import OurPost
from riskclf.ngrams import Ngrams
from riskclf.tables import Columns
from tests.conftest import MakeModel
from tests.finetuning.expertise import ASPECTS, SUPPORT
from tests.finetuning.lessons import BREAD, OLD, PLACES, RAIN, rows, shorten, spy_on_training
from tests.models import torch_model

REPLAYED = [OurPost(f"花が{place}に咲く朝", {"benign": 1.0}, place, "replay") for place in PLACES]
FILES = ("ngrams", "neighbours", "aspects", "support")


@pytest.fixture(autouse=True)
def few_posts(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, ours=[*OLD, *REPLAYED])


@pytest.fixture(scope="module", params=[False, True], ids=["full", "quick"])
def learned(
    request: pytest.FixtureRequest, expert_base: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FineTuning, bool]:
    """An expert base that was taught that rain is a risk, and whether in a quick run."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch, ours=[*OLD, *REPLAYED])
        output = tmp_path_factory.mktemp("learned") / "model"
        options = {"quick": request.param, "accept_regression": True}
        return finetune(rows(), base=expert_base, output=output, **options), request.param


def _loaded(directory: Path) -> Artifact:
    return load(directory, device="cpu", batch_size=8)


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()  # pytest is slow to explain unequal bytes


def _weights(directory: Path, name: str) -> dict[str, Any]:
    # By value: safetensors writes the metadata of a file in no fixed order.
    return dict(load_file(directory / f"{name}.safetensors"))


def _support(directory: Path) -> Heads:
    return Heads.load(directory / "support.safetensors", 32)


def test_new_posts_are_learned(learned: tuple[FineTuning, bool]) -> None:
    classifier = RiskClassifier.load(learned[0].directory)
    risks = [x.risk for x in classifier.predict_many([*RAIN, *BREAD])]
    assert min(risks[:8]) > max(risks[8:])


def test_heads_support_and_how_decisions_are_made_survive(
    learned: tuple[FineTuning, bool], expert_base: Path
) -> None:
    before, after = _loaded(expert_base), _loaded(learned[0].directory)
    assert after.aspects is not None and after.aspects.questions == ASPECTS
    support = _support(learned[0].directory)
    assert (support.questions, support.threshold) == (SUPPORT, 0.7)
    for name in ("stacker", "label_threshold", "operating_points", "temperature", "prevalence"):
        assert getattr(after.manifest, name) == getattr(before.manifest, name)
    texts = [post.text for post in REPLAYED]
    ids = [encoding.head.ids for encoding in after.tokenizer.encode_batch(texts)]
    pooled = [loaded.engine.compute(ids).pooled for loaded in (before, after)]
    assert before.aspects is not None
    was, now = before.aspects.probabilities(pooled[0]), after.aspects.probabilities(pooled[1])
    for question in ASPECTS:
        assert np.abs(was[question.name] - now[question.name]).max() < 0.2


def test_the_new_posts_are_among_the_neighbours_and_without_a_family(
    learned: tuple[FineTuning, bool], expert_base: Path
) -> None:
    was, now = (_loaded(x).experts.neighbours for x in (expert_base, learned[0].directory))
    assert was is not None and now is not None
    count = len(was.labels)
    assert now.vectors.shape == (count + 16, 32)
    assert np.array_equal(now.vectors[:count], was.vectors)
    assert np.array_equal(now.centre, was.centre)
    assert now.labels[count:].tolist() == [0] * 8 + [2] * 8
    assert set(now.families[count:]) == {""} and now.families[:count] == was.families
    after = _loaded(learned[0].directory)
    (encoding,) = after.tokenizer.encode_batch(RAIN[:1])
    sentence = after.engine.compute([encoding.head.ids]).sentence
    assert (now.vectors[count] @ now.vectors[count]).item() == pytest.approx(1, abs=1e-2)
    assert now.with_posts(sentence, [0]).vectors[-1] == pytest.approx(now.vectors[count], abs=2e-2)


def test_the_ngrams_are_refitted_from_the_base(
    learned: tuple[FineTuning, bool], expert_base: Path
) -> None:
    was, now = (
        Ngrams.load(x / "ngrams.safetensors", 3) for x in (expert_base, learned[0].directory)
    )
    assert np.array_equal(was.idf, now.idf)
    assert not np.array_equal(was.weights, now.weights)


def test_a_quick_run_leaves_the_transformer_byte_for_byte_and_its_heads(
    learned: tuple[FineTuning, bool], expert_base: Path
) -> None:
    result, quick = learned
    one, other = (x / "model.safetensors" for x in (expert_base, result.directory))
    assert (_hash(one) == _hash(other)) is quick
    for name in ("aspects", "support"):
        was, now = (_weights(x, name) for x in (expert_base, result.directory))
        assert all(np.array_equal(was[key], now[key]) for key in was) is quick
    assert result.report.settings["quick"] is quick
    assert ("epochs" in result.report.settings) is not quick


def test_a_quick_run_trains_no_transformer_and_is_measured_as_any_other(
    expert_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riskclf.finetuning.learning.train_classifier", None)
    monkeypatch.setattr("riskclf.finetuning.learning.seconds_per_step", None)
    told: list[tuple[str, int, int | None]] = []
    result = finetune(
        rows(),
        base=expert_base,
        output=tmp_path / "model",
        quick=True,
        progress=lambda *step: told.append(step),
    )
    assert {stage for stage, *_ in told} >= {"cross-validation 2/2", "final training"}
    assert result.report.split.to_dict() == {"folds": 2, "held_out": 16}
    checked = {(check.part, check.figure) for check in result.report.checks if check.change}
    assert ("old", "recall") in checked and ("new", "recall") in checked


def test_replayed_posts_are_taught_with_all_that_the_base_says_of_them(
    expert_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    spy_on_training(monkeypatch, lambda _, examples: given.extend(examples))
    finetune(rows(), base=expert_base, output=tmp_path / "model", accept_regression=True)
    replayed = [x for x in given if x.text == REPLAYED[0].text]
    new = [x for x in given if x.text == RAIN[0]]
    assert replayed and new
    known = Known.of(locate_base(expert_base), device="cpu", batch_size=8)
    assert known is not None
    (expected,) = known.answers([REPLAYED[0].text])
    assert len(expected.answers) == 5 and 0 < max(x or 0 for x in expected.answers) < 1
    for example in replayed:
        assert example == expected and expected.sentence is not None
        assert example.sentence == pytest.approx(expected.sentence, abs=1e-5)
    for example in new:
        assert example.target == (1.0, 0.0, 0.0) and example.answers == ()
        held = known.directions([RAIN[0]])
        assert held is not None
        assert np.allclose(example.sentence, held[0], atol=1e-5)
        assert float(np.linalg.norm(held[0])) == pytest.approx(1, abs=1e-5)


def test_a_run_that_was_stopped_continues_to_the_same_model(
    learned: tuple[FineTuning, bool],
    expert_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unbroken, quick = learned
    learn = Trainings.learn
    stages: list[str] = []

    def stopping(self: Trainings, start: Path, new: object, stage: str) -> object:
        stages.append(stage)
        if len(stages) == 2:
            raise KeyboardInterrupt
        return learn(self, start, new, stage)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainings, "learn", stopping)

    def run() -> FineTuning:
        return finetune(
            rows(),
            base=expert_base,
            output=tmp_path / "model",
            quick=quick,
            accept_regression=True,
        )

    with pytest.raises(KeyboardInterrupt):
        run()
    resumed = run()
    assert stages == [f"cross-validation {n}/2" for n in (1, 2, 2)] + ["final training"]
    assert resumed.report == unbroken.report
    for name in ("model", *FILES):
        one, again = (_weights(x, name) for x in (unbroken.directory, resumed.directory))
        assert one.keys() == again.keys()
        assert all(np.array_equal(one[key], again[key]) for key in one)


def test_a_finished_fold_of_a_full_run_is_not_taken_for_one_of_a_quick_run(
    expert_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Trainings.learn
    stages: list[str] = []

    def stopping(self: Trainings, start: Path, new: object, stage: str) -> object:
        stages.append(stage)
        if stage == "final training":
            raise KeyboardInterrupt
        return learn(self, start, new, stage)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainings, "learn", stopping)
    for quick in (True, False):
        with pytest.raises(KeyboardInterrupt):
            finetune(rows(), base=expert_base, output=tmp_path / "model", quick=quick)
    assert len(stages) == 6


def test_a_base_computes_each_window_once(
    expert_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Known.of(locate_base(expert_base), device="cpu", batch_size=8)
    asked: list[list[int]] = []
    compute = PytorchEngine.compute

    def spied(engine: PytorchEngine, windows: Sequence[Sequence[int]]) -> Outputs:
        asked.extend(map(list, windows))
        return compute(engine, windows)

    monkeypatch.setattr(PytorchEngine, "compute", spied)
    assert known is not None
    first = known.compute([*RAIN, RAIN[0]])
    assert len(asked) == len(RAIN)
    again = known.compute(RAIN[::-1])
    assert len(asked) == len(RAIN)
    assert np.array_equal(again.outputs.logits[::-1], first.outputs.logits[:8])
    monkeypatch.undo()
    fresh = _loaded(expert_base).engine.compute(asked)
    assert np.allclose(first.outputs.sentence[:8], fresh.sentence, atol=1e-5)
    assert known.compute([]).outputs.logits.shape == (0, 3)


# Without experts, and with other labels -----------------------------------------------------------


def test_a_base_without_experts_gives_a_model_without_them(
    make_model: MakeModel, tmp_path: Path
) -> None:
    result = finetune(
        rows(), base=make_model(seed=5), output=tmp_path / "model", accept_regression=True
    )
    assert not [x for x in FILES if (result.directory / f"{x}.safetensors").exists()]
    assert _loaded(result.directory).manifest.stacker is None


def test_a_quick_run_is_refused_where_it_could_not_learn(
    make_model: MakeModel,
    expert_base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "model"
    with pytest.raises(InputError, match="no n-gram expert"):
        finetune(rows(), base=make_model(seed=5), output=output, quick=True)
    with pytest.raises(InputError, match="--new-words"):
        finetune(rows(), base=expert_base, output=output, quick=True, new_words=True)
    other = [{**row, "label": "wet" if row["label"] != "benign" else "food"} for row in rows()]
    with pytest.raises(InputError, match="keeps the labels"):
        finetune(other, base=expert_base, output=output, quick=True, risk_labels=["wet"])
    posts = tmp_path / "posts.jsonl"
    posts.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    command = ["finetune", str(posts), "--output", str(output), "--quick", "--base"]
    assert main([*command, str(make_model(seed=5))]) == 2
    assert "leave out --quick" in capsys.readouterr().err
    assert not output.exists()
    assert main([*command, str(expert_base), "--accept-regression", "--lang", "ja"]) == 0
    shown = capsys.readouterr()
    assert "側を取り違えた危険な投稿：" in shown.out and "保存しました" in shown.err
    assert "## 採否" in (output / "finetuning.md").read_text(encoding="utf-8")
    assert json.loads((output / "finetuning.json").read_text(encoding="utf-8"))["lang"] == "ja"


def _many_posts(snow: int = 0) -> list[dict[str, str]]:
    """120 posts of rain and bread, and some of snow, all of one family."""
    things = ("猫", "犬", "本", "絵", "傘", "靴", "鍵")
    pairs = [(place, thing) for place in PLACES for thing in things][:55]
    return [
        *(
            {"text": f"{a}の雨で{b}がぬれた、{a * 3}", "label": "wet", "family": a + b}
            for a, b in pairs
        ),
        *(
            {"text": f"{b}とパンを{a}で見る{b * 3}", "label": "food", "family": b + a}
            for a, b in pairs
        ),
        *(
            {"text": f"雪の{x}の道{n}", "label": "snow", "family": "snow"}
            for n, x in enumerate((PLACES * 2)[:snow])
        ),
    ]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riskclf.finetuning.config._STEPS_OF_A_NEW_HEAD", 40)


@pytest.mark.usefixtures("fast")
def test_new_labels_with_enough_posts_get_experts_of_their_own(
    expert_base: Path, tmp_path: Path
) -> None:
    given = _many_posts()
    result = finetune(given, base=expert_base, output=tmp_path / "model", risk_labels=["wet"])
    loaded = _loaded(result.directory)
    assert loaded.manifest.stacker is not None
    assert loaded.experts.names == {*loaded.manifest.stacker.experts}
    assert loaded.experts.names == {"transformer", "ngrams", "neighbours"}
    neighbours = loaded.experts.neighbours
    assert neighbours is not None and len(neighbours.labels) == len(given)
    assert loaded.manifest.label_threshold is not None
    # Nothing of the replay set is there to keep the answers to questions right.
    assert loaded.aspects is None and not (result.directory / "support.safetensors").exists()
    unseen = ["山の雨で帽子がぬれた、山山山", "帽子とパンを山で見る帽子帽子帽子"]
    found = RiskClassifier.load(result.directory).predict_many(unseen)
    assert [x.label for x in found] == ["wet", "food"]


@pytest.mark.usefixtures("fast")
def test_an_expert_that_a_fold_could_not_fit_is_left_out(expert_base: Path, tmp_path: Path) -> None:
    given = _many_posts(snow=12)
    options = {"risk_labels": ["wet"], "columns": Columns(family="family")}
    result = finetune(given, base=expert_base, output=tmp_path / "model", **options)  # type: ignore[arg-type]
    loaded = _loaded(result.directory)
    assert loaded.experts.names == {"transformer", "ngrams"}
    assert loaded.manifest.stacker is not None
    assert loaded.manifest.stacker.experts == ("transformer", "ngrams")


def test_new_labels_with_few_posts_or_no_risks_have_the_transformer_alone(
    expert_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riskclf.finetuning.config._STEPS_OF_A_NEW_HEAD", 1)
    few = [x for n, x in enumerate(_many_posts()) if n % 2]
    for given, risks in ((few, ["wet"]), (_many_posts(), list[str]())):
        result = finetune(given, base=expert_base, output=tmp_path / "model", risk_labels=risks)
        loaded = _loaded(result.directory)
        assert loaded.experts.names == {"transformer"} and loaded.manifest.stacker is None
        assert not [x for x in FILES if (result.directory / f"{x}.safetensors").exists()]


def test_weights_are_stored_as_those_of_the_base(expert_base: Path, tmp_path: Path) -> None:
    loaded = _loaded(expert_base)
    half = tmp_path / "half"
    artifact.save(
        half,
        model=torch_model(loaded),
        tokenizer_directory=expert_base,
        manifest=loaded.manifest,
        half_precision=True,
        experts=loaded.experts,
        aspects=loaded.aspects,
    )
    result = finetune(
        rows(), base=half, output=tmp_path / "model", quick=True, accept_regression=True
    )
    one, other = (x / "model.safetensors" for x in (half, result.directory))
    assert _hash(one) == _hash(other)
