"""`RiskClassifier`: what a user of the library relies on."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import math
import pickle
import re
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import riskclf
from riskclf import cli
from riskclf.artifact import Artifact, load, save
from riskclf.classifier import RiskClassifier
from riskclf.decide import probabilities
from riskclf.encoder import Outputs
from riskclf.errors import (
    ArtifactCorrupt,
    NotText,
    OperatingPointError,
    RegressionWarning,
    RiskclfError,
)
from riskclf.labels import Label, Prediction
from riskclf.tokens import Tokenizer
from tests.models import outputs_of, torch_model

LABELS = ("minor_solicitation", "adult_solicitation", "benign")

# The same post beside others is computed with sums in another order.
TOLERANCE = 1e-5


def assert_same(found: list[Prediction], expected: list[Prediction]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.reason_codes == other.reason_codes
        assert one.label == other.label
        assert one.decision == other.decision
        assert one.truncated == other.truncated
        assert one.risk == pytest.approx(other.risk, abs=TOLERANCE)
        assert one.scores == pytest.approx(other.scores, abs=TOLERANCE)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


# One post, several posts, many posts --------------------------------------------------------------


def test_one_several_and_many_posts_get_the_same_predictions(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    posts = [*sentences, "", " ", "\0", "\ud800", "😀", "\n".join(sentences)]
    single = [classifier.predict(post) for post in posts]
    assert_same(classifier.predict_many(posts), single)
    assert_same(list(classifier.stream(posts)), single)


def test_predictions_come_in_the_order_of_the_posts(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    posts = [sentence * (1 + index % 3) for index, sentence in enumerate(sentences)]
    forwards = classifier.predict_many(posts)
    assert_same(classifier.predict_many(posts[::-1])[::-1], forwards)
    assert len({prediction.risk for prediction in forwards}) > len(posts) // 2


def test_predict_many_is_always_a_list(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    expected = classifier.predict_many(list(sentences))
    assert isinstance(expected, list)
    assert_same(classifier.predict_many(sentence for sentence in sentences), expected)
    assert_same(classifier.predict_many(dict.fromkeys(sentences).keys()), expected)
    assert len(classifier.predict_many(sentences[:1])) == 1
    assert classifier.predict_many([]) == []
    assert classifier.predict_many(iter(())) == []
    assert list(classifier.stream([])) == []


def test_a_classifier_can_be_called_with_a_post_or_with_posts(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    assert_same([classifier(sentences[0])], classifier([sentences[0]]))
    assert_same(classifier(iter(sentences)), classifier.predict_many(sentences))
    with pytest.raises(NotText, match="give one column"):
        classifier({"text": sentences})


def test_probabilities_as_scikit_learn_gives_them(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    found = classifier.predict_proba(sentences)
    expected = [[x.scores[label] for label in LABELS] for x in classifier(sentences)]
    assert found.dtype == np.float64
    assert found.tolist() == expected
    assert classifier.predict_proba(iter(())).shape == (0, len(LABELS))
    with pytest.raises(NotText, match=re.escape("predict(post)")):
        classifier.predict_proba("雨")


def test_more_posts_than_are_read_at_once(
    model_directory: Path, sentences: tuple[str, ...]
) -> None:
    small = RiskClassifier.load(model_directory, device="cpu", batch_size=1)
    posts = list(itertools.islice(itertools.cycle(sentences), 100))
    found = small.predict_many(posts)
    assert_same(found, [*found[: len(sentences)] * 4][:100])
    assert len(found) == 100


def test_a_stream_reads_as_it_is_read_and_only_a_little_ahead(model_directory: Path) -> None:
    small = RiskClassifier.load(model_directory, device="cpu", batch_size=2)
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield f"雨の日 {read}"

    predictions = small.stream(endless())
    assert read == 0
    ahead = []
    for given in range(1, 201):
        next(predictions)
        ahead.append(read - given)
    # Bounded by the batches (here of 2 posts), not by what is still to come.
    assert max(ahead) <= 100
    assert max(ahead[100:]) <= max(ahead[:100])


@pytest.mark.parametrize("posts", [["雨"], ("雨",), [], None, b"abc", 7, {"text": "雨"}])
def test_predict_takes_one_str_and_nothing_else(classifier: RiskClassifier, posts: Any) -> None:
    with pytest.raises(NotText) as caught:
        classifier.predict(posts)
    assert isinstance(caught.value, TypeError)
    assert type(posts).__name__ in str(caught.value)
    assert "雨" not in str(caught.value)
    if isinstance(posts, list):
        assert "predict_many" in str(caught.value)


@pytest.mark.parametrize("method", ["predict_many", "stream"])
def test_a_single_str_is_not_taken_for_posts(classifier: RiskClassifier, method: str) -> None:
    with pytest.raises(NotText, match=re.escape("predict(post)")) as caught:
        getattr(classifier, method)("雨が降る")  # a stream says so at once, too
    assert "雨" not in str(caught.value)


@pytest.mark.parametrize("number", [0, 3, 40])
@pytest.mark.parametrize("wrong", [None, math.nan, b"abc", ["雨"]])
def test_what_is_not_a_str_among_the_posts_is_named_by_its_number(
    model_directory: Path, number: int, wrong: Any
) -> None:
    small = RiskClassifier.load(model_directory, device="cpu", batch_size=1)
    posts: list[Any] = ["雨が降る"] * 50
    posts[number] = wrong
    with pytest.raises(NotText) as caught:
        small.predict_many(posts)
    assert re.search(rf"\b{number + 1}\b", str(caught.value))  # counted from 1
    assert type(wrong).__name__ in str(caught.value)
    assert "雨" not in str(caught.value)


@pytest.mark.parametrize("posts", [None, 7])
def test_what_is_not_posts_at_all_is_a_type_error(classifier: RiskClassifier, posts: Any) -> None:
    with pytest.raises(TypeError):
        classifier.predict_many(posts)


# What a prediction says ---------------------------------------------------------------------------


def test_scores_are_probabilities_in_the_order_of_the_labels(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    assert classifier.labels == LABELS == tuple(Label)
    for prediction in classifier.predict_many(sentences):
        assert tuple(prediction.scores) == LABELS
        assert all(0 <= score <= 1 for score in prediction.scores.values())
        assert sum(prediction.scores.values()) == pytest.approx(1, abs=1e-9)
        assert all(type(score) is float for score in prediction.scores.values())


def test_risk_is_the_sum_of_the_risk_labels_and_label_the_most_probable(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    for prediction in classifier.predict_many(sentences):
        scores = prediction.scores
        assert prediction.risk == pytest.approx(1 - scores["benign"], abs=1e-9)
        assert scores[prediction.label] == max(scores.values())
        assert type(prediction.risk) is float


def test_scores_are_calibrated_by_the_stored_temperature(
    classifier: RiskClassifier, loaded: Artifact, sentences: tuple[str, ...]
) -> None:
    windows = [loaded.tokenizer.encode(post).head.ids for post in sentences]
    expected = probabilities(loaded.engine.compute(windows).logits, 1.5)
    for prediction, row in zip(classifier.predict_many(sentences), expected, strict=True):
        assert list(prediction.scores.values()) == pytest.approx(list(row), abs=TOLERANCE)


def test_a_stored_bias_moves_the_risk_and_the_label(
    classifier: RiskClassifier, loaded: Artifact, sentences: tuple[str, ...]
) -> None:
    biased = RiskClassifier(
        dataclasses.replace(loaded, manifest=dataclasses.replace(loaded.manifest, bias=-8.0))
    )
    for before, after in zip(
        classifier.predict_many(sentences), biased.predict_many(sentences), strict=True
    ):
        odds = before.risk / (1 - before.risk) * math.exp(-8)
        assert after.risk == pytest.approx(odds / (1 + odds), rel=1e-3)
        assert after.label == "benign"


def test_the_decision_follows_the_stored_thresholds(
    make_model: Callable[..., Path], sentences: tuple[str, ...]
) -> None:
    risks = sorted(p.risk for p in RiskClassifier.load(make_model()).predict_many(sentences))
    low, high = risks[len(risks) // 3], risks[2 * len(risks) // 3]
    # Between two risks, so that rounding cannot move a post over a threshold.
    review = (low + next(risk for risk in risks if risk > low)) / 2
    flag = (high + next(risk for risk in risks if risk > high)) / 2
    predictions = RiskClassifier.load(make_model(flag=flag, review=review)).predict_many(sentences)
    for prediction in predictions:
        expected = (
            "flag" if prediction.risk > flag else "review" if prediction.risk > review else "clear"
        )
        assert prediction.decision == expected
    assert {prediction.decision for prediction in predictions} == {"flag", "review", "clear"}


def test_another_base_rate_changes_probabilities_but_no_decision(
    model_directory: Path, sentences: tuple[str, ...]
) -> None:
    as_calibrated = RiskClassifier.load(model_directory).predict_many(sentences)
    rare = RiskClassifier.load(model_directory, prevalence=0.001).predict_many(sentences)
    for before, after in zip(as_calibrated, rare, strict=True):
        odds = before.risk / (1 - before.risk) * (0.001 / 0.999) / (0.2 / 0.8)
        assert after.risk == pytest.approx(odds / (1 + odds), rel=1e-4)
        assert sum(after.scores.values()) == pytest.approx(1)
        assert (after.decision, after.label) == (before.decision, before.label)


def test_an_operating_point_is_chosen_by_its_name(
    make_model: Callable[..., Path], sentences: tuple[str, ...]
) -> None:
    median = sorted(p.risk for p in RiskClassifier.load(make_model()).predict_many(sentences))[
        len(sentences) // 2
    ]
    directory = make_model(flag=0.999, review=min(0.998, median * 1.5))
    by_name = {
        name: RiskClassifier.load(directory, operating_point=name)
        for name in ("standard", "sensitive")
    }
    assert by_name["sensitive"].info()["thresholds"]["flag"] == pytest.approx(0.999 / 2)
    calm, watchful = (
        [p.decision for p in model.predict_many(sentences)] for model in by_name.values()
    )
    assert calm.count("clear") > watchful.count("clear")
    with pytest.raises(OperatingPointError, match="standard, sensitive"):
        RiskClassifier.load(directory, operating_point="eager")


def test_own_thresholds_are_taken_as_they_are(
    model_directory: Path, sentences: tuple[str, ...]
) -> None:
    for prevalence in (None, 0.01):
        classifier = RiskClassifier.load(
            model_directory, thresholds={"flag": 0.3, "review": 0.1}, prevalence=prevalence
        )
        for prediction in classifier.predict_many(sentences):
            risk = prediction.risk
            expected = "flag" if risk >= 0.3 else "review" if risk >= 0.1 else "clear"
            assert prediction.decision == expected


@pytest.mark.parametrize(
    "options",
    [
        {"thresholds": {"flag": 0.3}},
        {"thresholds": {"flag": 0.3, "review": 0.4}},
        {"thresholds": {"flag": 0.3, "review": 0.1, "clear": 0}},
        {"thresholds": {"flag": 0.3, "review": 0.1}, "operating_point": "standard"},
    ],
    ids=["one", "order", "three", "both"],
)
def test_thresholds_that_cannot_be_used_are_refused(
    model_directory: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(OperatingPointError):
        RiskClassifier.load(model_directory, **options)


def test_text_that_the_vocabulary_cannot_read_is_never_clear(
    make_model: Callable[..., Path],
) -> None:
    calm = RiskClassifier.load(make_model(flag=0.9999, review=0.9998), device="cpu")
    for post, code in (
        ("鑫淼 鑫 淼", "unreadable"),
        ("鑫 淼 " * 200, "unreadable"),
        ("今日は図書館で本を借りました".encode().decode("latin-1"), "unreadable"),
        ("Сегодня я взял три книги", "unsupported_script"),
        ("", "blank"),
        (" \u200b", "blank"),
    ):
        prediction = calm.predict(post)
        assert (prediction.decision, code in prediction.reason_codes) == ("review", True), post
    for post in ("今日は雨", "鑫今日は雨"):  # an unknown piece among others changes nothing
        prediction = calm.predict(post)
        assert (prediction.decision, prediction.reason_codes) == ("clear", ())
    mixed = calm.predict("鑫淼 鑫 淼 мне спасибо")
    assert mixed.reason_codes == ("unreadable", "unsupported_script")  # in one order, each once
    hot = RiskClassifier.load(make_model(flag=0.0002, review=0.0001), device="cpu")
    assert (hot.predict("").decision, hot.predict("").reason_codes) == ("flag", ("blank",))


def test_a_post_that_was_disguised_says_so_and_is_read_as_if_it_were_not(
    classifier: RiskClassifier,
) -> None:
    plain = classifier.predict("JKと図書館でKTVの話")
    disguised = "🅹🅺と図書館で🅺🆃🆅の話"
    found = classifier.predict(disguised)
    assert (plain.reason_codes, found.reason_codes) == ((), ("disguised",))
    assert (found.label, found.decision, found.risk) == (plain.label, plain.decision, plain.risk)
    assert classifier.predict_many(["🅹🅺と図書館でKTVの話", disguised])[0].reason_codes == ()
    assert classifier.predict("Сегодня я взял три книги, 🅹🅺と🅺🆃🆅").reason_codes == (
        "unsupported_script",
        "disguised",
    )


def test_to_dict_is_ready_for_json_and_holds_no_text(classifier: RiskClassifier) -> None:
    prediction = classifier.predict("図書館の本")
    assert classifier.predict("").to_dict()["reason_codes"] == ["blank"]
    plain = prediction.to_dict()
    assert set(plain) == {*(field.name for field in dataclasses.fields(Prediction))}
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["scores"] == prediction.scores
    assert "図書館" not in json.dumps(plain, ensure_ascii=False) + repr(prediction)


def test_a_prediction_can_be_sent_to_another_process(classifier: RiskClassifier) -> None:
    prediction = classifier.predict("図書館の本")
    assert pickle.loads(pickle.dumps(prediction)) == prediction


def test_a_prediction_cannot_be_changed(classifier: RiskClassifier) -> None:
    prediction = classifier.predict("図書館の本")
    with pytest.raises(dataclasses.FrozenInstanceError):
        prediction.label = "benign"  # type: ignore[misc]


# Long posts ---------------------------------------------------------------------------------------


def test_of_a_long_post_the_riskiest_window_counts(
    classifier: RiskClassifier, loaded: Artifact, sentences: tuple[str, ...]
) -> None:
    posts = ["\n".join(sentences[start:] + sentences[:start]) for start in range(len(sentences))]
    riskiest = set()
    for post, prediction in zip(posts, classifier.predict_many(posts), strict=True):
        windows = [x.ids for x in loaded.tokenizer.encode(post).windows]
        scores = probabilities(loaded.engine.compute(windows).logits, 1.5)
        risks = [float(row[0] + row[1]) for row in scores]
        assert not prediction.truncated
        assert prediction.risk == pytest.approx(max(risks), abs=TOLERANCE)
        riskiest.add(risks.index(max(risks)))
        expected = scores[risks.index(max(risks))]
        assert list(prediction.scores.values()) == pytest.approx(list(expected), abs=TOLERANCE)
    assert len(riskiest) >= 3  # beginnings, ends and what lies between were tried


def test_nothing_is_hidden_in_a_long_post(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(model_directory, device="cpu", batch_size=8)
    (marker,) = loaded.tokenizer.encode("✨").head.ids[1:-1]

    def compute(windows: Sequence[Sequence[int]]) -> Outputs:
        rows = [(5, 0, 0) if marker in window else (0, 0, 5) for window in windows]
        return outputs_of(np.array(rows, dtype=np.float32))

    monkeypatch.setattr(loaded.engine, "compute", compute)
    classifier = RiskClassifier(loaded)
    filling = "今日は雨です。" * 500
    harmless = classifier.predict(filling)
    assert harmless.label == "benign"
    for number in range(0, len(filling), 500):
        post = filling[:number] + "✨" + filling[number:]
        hidden = classifier.predict(post)
        assert hidden.label == "minor_solicitation"
        assert hidden.risk > harmless.risk
        assert not hidden.truncated
    for post in ("✨" + filling * 10, filling * 10 + "✨"):
        hidden = classifier.predict(post)
        assert (hidden.label, hidden.truncated) == ("minor_solicitation", True)


def test_long_posts_are_read_in_bounded_memory(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(model_directory, device="cpu", batch_size=64)
    most = 0

    def compute(windows: Sequence[Sequence[int]]) -> Outputs:
        nonlocal most
        most = max(most, sum(map(len, windows)))
        return outputs_of(np.zeros((len(windows), 3), dtype=np.float32))

    monkeypatch.setattr(loaded.engine, "compute", compute)
    post = "雨 " * 3000
    assert len(list(RiskClassifier(loaded).stream(post for _ in range(200)))) == 200
    assert most < 100 * len(post)


def test_short_posts_are_not_truncated(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    assert not any(prediction.truncated for prediction in classifier.predict_many(sentences))


# Saving, and other models -------------------------------------------------------------------------


def test_a_saved_classifier_gives_the_same_predictions(
    classifier: RiskClassifier, sentences: tuple[str, ...], tmp_path: Path
) -> None:
    classifier.save(tmp_path / "model")
    again = RiskClassifier.load(tmp_path / "model", device="cpu", batch_size=8)
    assert again.predict_many(sentences) == classifier.predict_many(sentences)
    assert again.fingerprint == classifier.fingerprint


def test_save_refuses_to_overwrite_what_is_not_a_model(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RiskclfError):
        classifier.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_half_precision_model_gives_nearly_the_same_scores(
    make_model: Callable[..., Path], classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    half = RiskClassifier.load(make_model(half_precision=True), device="cpu")
    for one, other in zip(
        half.predict_many(sentences), classifier.predict_many(sentences), strict=True
    ):
        assert one.scores == pytest.approx(other.scores, abs=1e-2)


@pytest.mark.parametrize(
    ("labels", "risks"),
    [
        (("ordinary", "spam"), ("spam",)),
        (("a", "b", "c", "d", "e", "f", "g"), ("b", "c", "g")),
        (tuple(f"label {number}" for number in range(12)), ("label 11",)),
    ],
    ids=["two", "seven", "twelve"],
)
def test_other_labels_and_other_risks_work(
    make_model: Callable[..., Path],
    sentences: tuple[str, ...],
    labels: tuple[str, ...],
    risks: tuple[str, ...],
) -> None:
    directory = make_model(labels=labels, risk_labels=risks)
    other = RiskClassifier.load(directory, device="cpu")
    assert other.labels == labels
    loaded = load(directory, device="cpu", batch_size=8)
    windows = [loaded.tokenizer.encode(post).head.ids for post in sentences]
    expected = probabilities(loaded.engine.compute(windows).logits, 1.5)
    for prediction, row in zip(other.predict_many(sentences), expected, strict=True):
        assert tuple(prediction.scores) == labels
        assert list(prediction.scores.values()) == pytest.approx(list(row), abs=TOLERANCE)
        assert prediction.risk == pytest.approx(sum(prediction.scores[x] for x in risks))
        assert prediction.label == labels[int(row.argmax())]


@pytest.fixture
def not_accepted(loaded: Artifact, tmp_path: Path) -> Path:
    """A model that the gate of fine-tuning has not accepted."""
    save(
        tmp_path / "worse",
        model=torch_model(loaded),
        tokenizer_directory=loaded.directory,
        manifest=dataclasses.replace(loaded.manifest, accepted=False),
        reports={"finetuning.md": "Recall fell."},
    )
    return tmp_path / "worse"


def test_a_model_that_was_not_accepted_is_warned_of(not_accepted: Path) -> None:
    with pytest.warns(RegressionWarning) as caught:
        classifier = RiskClassifier.load(not_accepted, device="cpu")
    (warning,) = caught
    assert str(not_accepted / "finetuning.md") in str(warning.message)
    assert "\n" not in str(warning.message)
    assert warning.filename == __file__  # Python shows the line that loads the model
    assert classifier.predict("今日は雨").label in LABELS
    (not_accepted / "finetuning.md").unlink()
    with pytest.warns(RegressionWarning, match=re.escape(str(not_accepted))) as caught:
        RiskClassifier.load(not_accepted, device="cpu")
    assert "finetuning.md" not in str(caught[0].message)


def test_an_accepted_model_is_not_warned_of(model_directory: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RegressionWarning)
        RiskClassifier.load(model_directory, device="cpu")


@pytest.mark.filterwarnings("default")
def test_the_command_line_warns_in_one_plain_line(
    not_accepted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["info", "--model", str(not_accepted)]) == 0
    captured = capfd.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("warning: ")
    assert str(not_accepted / "finetuning.md") in line
    assert "RegressionWarning" not in line
    assert "warning" not in captured.out


# From memory --------------------------------------------------------------------------------------


def test_a_model_in_memory_predicts_without_a_directory(
    loaded: Artifact, classifier: RiskClassifier, sentences: tuple[str, ...], tmp_path: Path
) -> None:
    memory = RiskClassifier(
        Artifact(
            tmp_path / "nowhere", loaded.manifest, loaded.tokenizer, loaded.engine, {"digest": "x"}
        )
    )
    assert memory.labels == classifier.labels
    assert memory.fingerprint == "x"
    assert memory.predict_many(sentences) == classifier.predict_many(sentences)
    assert [*memory.stream(sentences)] == classifier.predict_many(sentences)


# Which model it is --------------------------------------------------------------------------------


def assert_tells(info: dict[str, Any], model: RiskClassifier) -> None:
    assert json.loads(json.dumps(info, allow_nan=False)) == info
    assert set(info["versions"]) >= {"riskclf", "torch", "transformers", "fugashi"}
    assert re.fullmatch(r"unidic_lite \d+\.\d+.*", info["versions"]["dictionary"])
    assert info["fingerprint"] == model.fingerprint
    hashes = info["saved_as"]["files"]
    assert {"model.safetensors", "vocab.txt"} <= set(hashes)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes.values())
    assert info["saved_as"]["labels"] == list(model.labels)
    assert info["parameters"] > 0


def test_info_tells_which_model_on_which_versions(
    classifier: RiskClassifier, model_directory: Path
) -> None:
    info = classifier.info()
    assert_tells(info, classifier)
    assert info["model"] == str(model_directory)
    assert info["device"] == "cpu"
    assert info["max_tokens"] == 64


def test_nothing_is_printed_and_nothing_is_left_behind(
    model_directory: Path,
    sentences: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    RiskClassifier.load(model_directory, device="cpu").predict_many(sentences)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert not any(sentence in captured.err for sentence in sentences)
    assert list(tmp_path.iterdir()) == []


def test_loading_shows_no_progress_bar_of_a_library_below(
    model_directory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    RiskClassifier.load(model_directory, device="cpu")
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("no_network")
def test_a_directory_needs_no_network(model_directory: Path) -> None:
    assert RiskClassifier.load(model_directory, device="cpu").predict("今日は雨").label in LABELS


# The packaged model -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def packaged() -> RiskClassifier:
    return RiskClassifier.load(device="cpu")


@pytest.mark.usefixtures("no_network")
def test_packaged_model_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert RiskClassifier.load(device="cpu").predict("今日は雨").label in LABELS


def test_packaged_model_has_the_labels_in_their_order(packaged: RiskClassifier) -> None:
    assert packaged.labels == tuple(Label)
    prediction = packaged.predict("今日は雨")
    assert prediction.risk == pytest.approx(1 - prediction.scores[Label.BENIGN])


@pytest.mark.parametrize("repeated", [1, 2, 8])
def test_packaged_model_shows_a_risky_post_wherever_it_stands_in_ordinary_text(
    packaged: RiskClassifier, repeated: int
) -> None:
    with Path(riskclf.__file__).with_name("example_posts.csv").open(encoding="utf-8") as file:
        posts = {row["id"]: row["text"] for row in csv.DictReader(file)}
    ordinary = " ".join([posts[number] for number in "567"] * repeated)
    hidden = [x for risky in (posts["2"], posts["3"], posts["4"]) for x in _around(risky, ordinary)]
    assert packaged.predict(ordinary).decision == "clear"
    assert "clear" not in [prediction.decision for prediction in packaged.predict_many(hidden)]


def _around(risky: str, ordinary: str) -> tuple[str, str, str]:
    return f"{ordinary} {risky}", f"{risky} {ordinary}", f"{ordinary} {risky} {ordinary}"


def test_packaged_model_tells_what_it_is(packaged: RiskClassifier) -> None:
    assert_tells(packaged.info(), packaged)


def test_packaged_model_can_read_the_scripts(sentences: tuple[str, ...]) -> None:
    reader = Tokenizer.load(Path(riskclf.__file__).parent / "default_model")
    for sentence in (*sentences, "😀😂🥰👍🎉📚"):
        assert reader.encode(sentence).unknown_share < 0.2, sentence


def test_packaged_model_agrees_with_itself_alone_and_among_others(
    packaged: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    posts = sentences[:12]
    # The logits of a larger model differ a little more.
    for one, other in zip(packaged.predict_many(posts), map(packaged.predict, posts), strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-4)


def test_the_side_is_the_likelier_risk_label_whatever_the_label(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    labels = set()
    for prediction in classifier.predict_many(sentences):
        likelier = max(
            ("minor_solicitation", "adult_solicitation"), key=prediction.scores.__getitem__
        )
        assert prediction.side == likelier
        labels.add(prediction.label)
    assert "benign" in labels  # also where it is not a risk


def test_a_risk_that_is_no_number_is_refused_not_cleared(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(model_directory, device="cpu", batch_size=8)
    broken = outputs_of(np.array([[math.nan, 0.0, 0.0]]))
    monkeypatch.setattr(loaded.engine, "compute", lambda windows: broken)
    with pytest.raises(ArtifactCorrupt, match="not a number"):
        RiskClassifier(loaded).predict("雨")


def test_vectors_come_from_the_pass_that_labels(
    loaded: Artifact, classifier: RiskClassifier, sentences: Sequence[str]
) -> None:
    long = " ".join([*sentences] * 3)  # several windows: the one that decides gives the vector
    found = list(classifier.stream_with_vectors([*sentences, long]))
    assert [prediction for prediction, _ in found] == classifier.predict_many([*sentences, long])
    windows = [x.head.ids for x in loaded.tokenizer.encode_batch(sentences)]
    pooled = loaded.engine.compute(windows).pooled
    assert np.allclose(np.stack([vector for _, vector in found[:-1]]), pooled, atol=1e-4)
    inside = loaded.tokenizer.encode(long).windows
    ours = loaded.engine.compute([x.ids for x in inside])
    assert len(inside) > 1
    assert np.isclose(ours.pooled, found[-1][1], atol=1e-4).all(axis=1).any()
