"""Any BERT with a `BertJapaneseTokenizer` is a base, for any labels, with or without risks."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import safetensors.torch
import torch
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining, pipeline

from riskclf import artifact, cli
from riskclf.artifact import Artifact, save
from riskclf.classifier import RiskClassifier
from riskclf.decide import OperatingPoint
from riskclf.engines.pytorch import PytorchEngine
from riskclf.errors import (
    ArtifactCorrupt,
    ArtifactMismatch,
    ArtifactNotFound,
    EvaluationError,
    RiskclfError,
    UnsupportedTokenizer,
)
from riskclf.evaluation.evaluation import evaluate
from riskclf.finetuning import Example, TrainingConfig, train_classifier
from riskclf.finetuning.base import locate_base
from riskclf.manifest import Manifest
from riskclf.tokens import Tokenizer

# float32, padded and not padded, in another order.
TOLERANCE = 1e-5

SEVEN = ("rain", "bread", "library", "train", "cat", "sport", "other")
POINTS = {"standard": OperatingPoint(flag=0.8, review=0.4)}
POSTS = {
    "rain": ["今日は雨、川も雨", "Rain all day"],
    "bread": ["駅前のパン屋でパンを買った", "We baked bread"],
    "library": ["図書館で本を借りた", "The library opens at 10"],
    "train": ["電車が遅れています", "The train leaves at 10:25"],
    "cat": ["猫がキーボードの上で寝ている", "My little cat"],
    "sport": ["サッカーの試合に勝った", "She won the chess tournament"],
    "other": ["コーヒーを2杯飲んだ", "Happy birthday"],
}
UNREADABLE = "鑫淼 鑫 淼"


def config(**changes: Any) -> BertConfig:
    settings: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "initializer_range": 0.3,
        "pad_token_id": 0,
    }
    return BertConfig(**(settings | changes))


MakeBase = Callable[..., Path]


@pytest.fixture
def make_base(make_tokenizer: Callable[..., Path]) -> MakeBase:
    """A BERT as one finds it on the hub: heads of pre-training, no limit of length."""

    def make(kind: Any = BertForPreTraining, *, shards: str = "1GB", **settings: object) -> Path:
        settings = {"split_special_tokens": None, "model_max_length": None} | settings
        directory = make_tokenizer(**settings)
        pieces = len((directory / "vocab.txt").read_text(encoding="utf-8").splitlines())
        torch.manual_seed(0)
        kind(config(vocab_size=pieces)).save_pretrained(directory, max_shard_size=shards)
        return directory

    return make


def examples(labels: Sequence[str]) -> list[Example]:
    targets = np.eye(len(labels))
    return [
        Example(post, tuple(targets[index]))
        for index, label in enumerate(labels)
        for post in POSTS[label]
    ]


def trained(base: Path, labels: Sequence[str], work: Path, epochs: int = 2) -> Any:
    config = TrainingConfig(epochs=epochs, batch_size=8, learning_rate=1e-3)
    return train_classifier(
        base, examples(labels), labels=labels, checkpoints=work / "checkpoints", config=config
    ).model


def card(labels: Sequence[str], risks: Sequence[str] = ()) -> Manifest:
    # Of temperature 1, so that the scores are the probabilities that a pipeline gives.
    points, prevalence = (POINTS, 0.2) if risks else ({}, 0.0)
    return Manifest(tuple(labels), tuple(risks), points, 1.0, prevalence)


def in_memory(model: Any, base: Path, made: Manifest, directory: Path) -> RiskClassifier:
    tokenizer = Tokenizer.load(base)
    encoder = PytorchEngine(model, pad_id=tokenizer.pad_id, device="cpu", batch_size=8)
    return RiskClassifier(Artifact(directory, made, tokenizer, encoder, {"digest": "none"}))


@pytest.fixture
def topics(make_base: MakeBase, tmp_path: Path) -> Path:
    """A saved model of seven topics, none of them a risk."""
    base = make_base()
    model = trained(base, SEVEN, tmp_path)
    save(tmp_path / "topics", model=model, tokenizer_directory=base, manifest=card(SEVEN))
    return tmp_path / "topics"


def refusal(base: object) -> RiskclfError:
    """The error that locating gives: one of ours, on one line."""
    with pytest.raises(RiskclfError) as caught:
        locate_base(base)  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


# From a plain BERT to predictions -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "risks"),
    [(SEVEN[:2], ("rain",)), (SEVEN[:2], ()), (SEVEN, ("bread", "other")), (SEVEN, ())],
    ids=["two", "two without risks", "seven", "seven without risks"],
)
def test_a_plain_bert_gets_any_labels_and_predicts_the_same_everywhere(
    make_base: MakeBase,
    sentences: tuple[str, ...],
    tmp_path: Path,
    labels: tuple[str, ...],
    risks: tuple[str, ...],
) -> None:
    directory = make_base()
    base = locate_base(directory)
    assert (base.directory, base.manifest) == (directory, None)
    model = trained(base.directory, labels, tmp_path)
    # Before it is saved, it predicts from memory: the directory is not there at all.
    memory = in_memory(model, directory, card(labels, risks), tmp_path / "nowhere")
    expected = memory.predict_many(sentences)
    assert memory.labels == labels
    assert [*memory.stream(iter(sentences))] == expected

    save(
        tmp_path / "model",
        model=model,
        tokenizer_directory=base.directory,
        manifest=card(labels, risks),
    )
    loaded = RiskClassifier.load(tmp_path / "model", device="cpu", batch_size=8)
    opened: Any = pipeline  # which its types take for another task
    theirs = opened("text-classification", model=str(tmp_path / "model"), top_k=None, device="cpu")
    scored = theirs(list(sentences))
    for before, after, plain in zip(expected, loaded.predict_many(sentences), scored, strict=True):
        assert (after.label, after.decision) == (before.label, before.decision)
        assert dict(after.scores) == pytest.approx(dict(before.scores), abs=TOLERANCE)
        assert {x["label"]: x["score"] for x in plain} == pytest.approx(
            dict(after.scores), abs=TOLERANCE
        )
        assert after.risk == pytest.approx(sum(after.scores[label] for label in risks))
    again = locate_base(tmp_path / "model")
    assert again.manifest == card(labels, risks)


def test_the_encoder_of_the_base_is_what_is_trained(make_base: MakeBase, tmp_path: Path) -> None:
    directory = make_base()
    stored = safetensors.torch.load_file(directory / "model.safetensors")
    model = trained(directory, SEVEN[:2], tmp_path, epochs=1)
    moved = (
        (model.state_dict()[name] - weight).abs().max()
        for name, weight in stored.items()
        if name.startswith("bert.encoder")
    )
    assert max(moved) < 0.02  # two steps of 0.001 or less; new weights would lie 0.3 away


@pytest.mark.parametrize("kind", [BertForPreTraining, BertForMaskedLM], ids=["pooler", "no pooler"])
def test_weights_in_several_files_will_do(make_base: MakeBase, kind: Any, tmp_path: Path) -> None:
    directory = make_base(kind, shards="40KB")
    assert len([*directory.glob("model-*.safetensors")]) > 1
    assert locate_base(directory).manifest is None
    model = trained(directory, SEVEN[:2], tmp_path)
    save(tmp_path / "m", model=model, tokenizer_directory=directory, manifest=card(SEVEN[:2]))
    assert RiskClassifier.load(tmp_path / "m", device="cpu").predict("雨").label in SEVEN[:2]


def test_an_older_model_says_its_tokenizer_in_config_json(
    make_base: MakeBase, sentences: tuple[str, ...], tmp_path: Path
) -> None:
    directory = make_base(tokenizer_class=None, special_tokens_map_file=None)
    settings = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    (directory / "config.json").write_text(
        json.dumps(settings | {"tokenizer_class": "BertJapaneseTokenizer"}), encoding="utf-8"
    )
    (directory / "special_tokens_map.json").write_text(
        json.dumps({"unk_token": "[UNK]", "pad_token": "[PAD]"}), encoding="utf-8"
    )
    assert locate_base(directory).manifest is None
    model = trained(directory, SEVEN[:2], tmp_path)
    save(tmp_path / "m", model=model, tokenizer_directory=directory, manifest=card(SEVEN[:2]))
    theirs = pipeline("text-classification", model=str(tmp_path / "m"), device="cpu")
    assert type(theirs.tokenizer).__name__ == "BertJapaneseTokenizer"
    ours = RiskClassifier.load(tmp_path / "m", device="cpu").predict_many(sentences)
    assert [x["label"] for x in theirs(list(sentences))] == [x.label for x in ours]


def test_a_classifier_of_others_is_a_base_too(
    make_base: MakeBase, model_directory: Path, tmp_path: Path
) -> None:
    plain = Path(shutil.copytree(model_directory, tmp_path / "plain"))
    (plain / "riskclf.json").unlink()
    assert locate_base(plain).manifest is None
    assert trained(plain, SEVEN, tmp_path).config.num_labels == 7


# What is not a base -------------------------------------------------------------------------------


def change_config(directory: Path, **changes: object) -> None:
    file = directory / "config.json"
    values = json.loads(file.read_text(encoding="utf-8")) | changes
    file.write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer_class": "BertTokenizer"},
        {"tokenizer_class": None},
        {"subword_tokenizer_type": "character"},
        {"word_tokenizer_type": "sudachi"},
    ],
    ids=["class", "no class", "characters", "sudachi"],
)
def test_another_tokenizer_is_refused_by_name(
    make_base: MakeBase, settings: dict[str, object], tmp_path: Path
) -> None:
    directory = make_base(**settings)
    error = refusal(directory)
    assert isinstance(error, UnsupportedTokenizer)
    assert str(directory) in str(error)
    with pytest.raises(UnsupportedTokenizer):
        save(tmp_path / "m", model=None, tokenizer_directory=directory, manifest=card(SEVEN))  # type: ignore[arg-type]


def test_another_kind_of_model_is_refused_by_name(make_base: MakeBase) -> None:
    directory = make_base()
    change_config(directory, model_type="roberta")
    error = refusal(directory)
    assert isinstance(error, ArtifactCorrupt)
    assert "roberta" in str(error)


@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "tokenizer_config.json"])
def test_a_missing_file_is_named(make_base: MakeBase, name: str) -> None:
    directory = make_base()
    (directory / name).unlink()
    error = refusal(directory)
    assert name in str(error)
    assert str(directory) in str(error)


@pytest.mark.parametrize("content", ["", "[1]", '{"model_type": '])
def test_a_config_that_cannot_be_read_is_named(make_base: MakeBase, content: str) -> None:
    directory = make_base()
    (directory / "config.json").write_text(content, encoding="utf-8")
    assert "config.json" in str(refusal(directory))


def test_weights_of_something_else_are_not_filled_with_random_numbers(make_base: MakeBase) -> None:
    directory = make_base()
    file = directory / "model.safetensors"
    weights = safetensors.torch.load_file(file)
    renamed = {name.replace("bert.", "electra."): x for name, x in weights.items()}
    safetensors.torch.save_file(renamed, file, metadata={"format": "pt"})
    error = refusal(directory)
    assert isinstance(error, ArtifactCorrupt)
    assert str(file) in str(error)


def test_damaged_weights_are_refused(make_base: MakeBase) -> None:
    directory = make_base()
    file = directory / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    assert isinstance(refusal(directory), ArtifactCorrupt)


class _LeavesATrace:
    """Unpickling it makes a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_refused_unread_and_the_error_says_what_to_do(
    make_base: MakeBase, tmp_path: Path
) -> None:
    directory = make_base()
    (directory / "model.safetensors").unlink()
    (directory / "pytorch_model.bin").write_bytes(pickle.dumps(_LeavesATrace(tmp_path / "trace")))
    error = refusal(directory)
    assert isinstance(error, ArtifactNotFound)
    assert str(directory) in str(error)
    assert "pytorch_model.bin" in str(error)
    assert "convert" in str(error)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("how", ["index", "config"])
def test_nothing_leads_around_safetensors(make_base: MakeBase, how: str, tmp_path: Path) -> None:
    directory = make_base()
    trace = pickle.dumps(_LeavesATrace(tmp_path / "trace"))
    (directory / "adapter_model.bin").write_bytes(trace)
    if how == "index":
        names = safetensors.torch.load_file(directory / "model.safetensors")
        (directory / "model.safetensors").unlink()
        index = {"metadata": {}, "weight_map": dict.fromkeys(names, "adapter_model.bin")}
        (directory / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    else:
        change_config(directory, transformers_weights="adapter_model.bin")
    error = refusal(directory)
    assert isinstance(error, ArtifactCorrupt)
    assert str(directory) in str(error)
    assert not (tmp_path / "trace").exists()


def test_an_empty_directory_is_not_a_base(tmp_path: Path) -> None:
    assert isinstance(refusal(tmp_path), ArtifactNotFound)
    assert isinstance(refusal(tmp_path / "nowhere"), ArtifactNotFound)


# The packaged model and others of ours ------------------------------------------------------------


def test_the_packaged_model_is_the_base_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    base = locate_base(None)
    assert base.directory == Path(artifact.__file__).parent / "default_model"
    assert base.manifest is not None
    assert base.manifest.accepted


def test_a_model_of_ours_is_verified(
    model_directory: Path, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    base = locate_base(str(model_directory))
    assert base.directory == model_directory
    assert base.manifest is not None
    assert base.manifest.temperature == 1.5
    copied = Path(shutil.copytree(model_directory, tmp_path / "model"))
    shutil.copy(make_model(seed=1) / "model.safetensors", copied)
    assert isinstance(refusal(copied), ArtifactCorrupt | ArtifactMismatch)


# A hub --------------------------------------------------------------------------------------------


@dataclass
class _Hub:
    """Stands for the hub: revisions of one repository, and the pull requests of others."""

    root: Path
    revisions: dict[str, dict[str, bytes]]
    pulls: list[Any] = field(default_factory=list)
    fetched: list[tuple[str | None, list[str]]] = field(default_factory=list)
    broken: bool = False

    def snapshot_download(
        self, repository: str, *, revision: str | None, allow_patterns: list[str]
    ) -> str:
        assert repository == "someone/bert"
        self.fetched.append((revision, allow_patterns))
        place = self.root / (revision or "main")
        place.mkdir(parents=True, exist_ok=True)
        for name, content in self.revisions[revision or "main"].items():
            if any(fnmatchcase(name, pattern) for pattern in allow_patterns):
                (place / name).write_bytes(content)
        return str(place)

    def list_repo_tree(self, repository: str, *, revision: str | None) -> list[Any]:
        if self.broken:
            raise ConnectionError("down")
        files = self.revisions[revision or "main"]
        return [SimpleNamespace(path=name, blob_id=str(hash(x))) for name, x in files.items()]

    def get_repo_discussions(self, repository: str, **_: object) -> list[Any]:
        return self.pulls

    def model_info(self, repository: str, *, revision: str) -> Any:
        return SimpleNamespace(sha=revision.replace("refs/pr/", "commit"))


def pull(number: int, author: str = "SFconvertbot", status: str = "open") -> Any:
    return SimpleNamespace(
        author=author,
        status=status,
        title="Adding `safetensors` variant of this model",
        git_reference=f"refs/pr/{number}",
    )


@pytest.fixture
def hub(make_base: MakeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Hub:
    """A hub with `someone/bert`, whose weights are a pickle; pull request 1 has them converted."""
    files = {file.name: file.read_bytes() for file in make_base().iterdir()}
    weights = files.pop("model.safetensors")
    pickled = pickle.dumps(_LeavesATrace(tmp_path / "trace"))
    main = files | {"pytorch_model.bin": pickled, "README.md": b"A model."}
    converted = {**main, "model.safetensors": weights, "README.md": b"Of last year."}
    found = _Hub(tmp_path / "hub", {"main": main, "commit1": converted})
    monkeypatch.setattr(huggingface_hub, "snapshot_download", found.snapshot_download)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: found)
    return found


def check_nothing_unsafe_was_fetched(hub: _Hub) -> None:
    for place in hub.root.iterdir():
        assert not [file for file in place.iterdir() if file.suffix in (".bin", ".py", ".pkl")]


def test_a_hub_id_is_had_as_safetensors_with_the_small_files_first(hub: _Hub) -> None:
    hub.revisions["main"]["model.safetensors"] = hub.revisions["commit1"]["model.safetensors"]
    hub.broken = True  # nobody is asked for a conversion
    base = locate_base("someone/bert")
    assert (base.directory, base.manifest) == (hub.root / "main", None)
    assert not [x for x in hub.fetched[0][1] if "safetensors" in x]
    check_nothing_unsafe_was_fetched(hub)


def test_the_weights_of_another_tokenizer_are_not_fetched(hub: _Hub) -> None:
    settings = json.loads(hub.revisions["main"]["tokenizer_config.json"])
    changed = json.dumps(settings | {"subword_tokenizer_type": "character"}).encode()
    hub.revisions["main"]["tokenizer_config.json"] = changed
    assert isinstance(refusal("someone/bert"), UnsupportedTokenizer)
    assert len(hub.fetched) == 1


def test_a_conversion_by_the_hubs_bot_is_taken(hub: _Hub, tmp_path: Path) -> None:
    hub.pulls = [pull(7, "somebody"), pull(1)]
    hub.revisions["commit7"] = {**hub.revisions["commit1"], "model.safetensors": b"a trap"}
    base = locate_base("someone/bert")
    assert (base.directory, base.manifest) == (hub.root / "commit1", None)
    assert trained(base.directory, SEVEN[:2], tmp_path).config.num_labels == 2
    check_nothing_unsafe_was_fetched(hub)


@pytest.mark.parametrize(
    "case", ["no pull request", "of another", "closed", "of older weights", "other config", "empty"]
)
def test_no_other_conversion_is_taken(hub: _Hub, case: str) -> None:
    hub.pulls = {
        "no pull request": [],
        "of another": [pull(1, "somebody")],
        "closed": [pull(1, status="closed")],
    }.get(case, [pull(1)])
    if case == "of older weights":
        hub.revisions["commit1"]["pytorch_model.bin"] = b"of last year"
    elif case == "other config":
        hub.revisions["commit1"]["config.json"] += b" "
    elif case == "empty":
        del hub.revisions["commit1"]["model.safetensors"]
    error = refusal("someone/bert")
    assert isinstance(error, ArtifactNotFound)
    assert "someone/bert" in str(error)
    assert "pytorch_model.bin" in str(error)
    assert "convert" in str(error)
    check_nothing_unsafe_was_fetched(hub)


def test_a_hub_that_cannot_be_asked_is_said_so(hub: _Hub) -> None:
    hub.broken = True
    error = refusal("someone/bert")
    assert isinstance(error, ArtifactNotFound)
    assert "ConnectionError" in str(error)


def test_a_model_of_ours_on_a_hub_is_verified(hub: _Hub, model_directory: Path) -> None:
    files = {file.name: file.read_bytes() for file in model_directory.iterdir()}
    hub.revisions["main"] = files
    base = locate_base("someone/bert")
    assert base.manifest is not None
    files["config.json"] += b" "
    assert isinstance(refusal("someone/bert"), ArtifactCorrupt)


# No risk labels -----------------------------------------------------------------------------------


def rows(model: Path) -> list[dict[str, str]]:
    """Posts with the labels that the model gives them, but for the last one."""
    posts = [post for posts in POSTS.values() for post in posts]
    labels = [x.label for x in RiskClassifier.load(model, device="cpu").predict_many(posts)]
    labels[-1] = next(label for label in SEVEN if label != labels[-1])
    slices = ["short" if len(post) < 15 else "long" for post in posts]
    return [
        {"text": post, "label": label, "slice": part}
        for post, label, part in zip(posts, labels, slices, strict=True)
    ]


def test_without_risk_labels_nothing_is_flagged_and_the_unreadable_is_reviewed(
    topics: Path, sentences: tuple[str, ...]
) -> None:
    classifier = RiskClassifier.load(topics, device="cpu")
    for prediction in classifier.predict_many(sentences):
        assert prediction.scores[prediction.label] == max(prediction.scores.values())
        assert (prediction.risk, prediction.decision) == (0.0, "clear")
        assert type(prediction.risk) is float
    assert classifier.predict(UNREADABLE).decision == "review"
    long = classifier.predict("今日は雨です。" * 100)
    assert long.truncated
    assert long.decision == "clear"


def test_without_risk_labels_info_and_save_work(topics: Path, tmp_path: Path) -> None:
    classifier = RiskClassifier.load(topics, device="cpu")
    info = classifier.info()
    assert json.loads(json.dumps(info, allow_nan=False)) == info
    assert info["thresholds"] is None
    assert info["saved_as"]["risk_labels"] == []
    classifier.save(tmp_path / "again")
    again = RiskClassifier.load(tmp_path / "again", device="cpu")
    assert again.fingerprint == classifier.fingerprint


@pytest.mark.parametrize(
    "options",
    [
        {"prevalence": 0.001},
        {"operating_point": "standard"},
        {"thresholds": {"flag": 0.9, "review": 0.5}},
    ],
    ids=["prevalence", "operating point", "thresholds"],
)
def test_without_risk_labels_there_is_nothing_to_decide_on(
    topics: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(RiskclfError, match="no risk labels") as caught:
        RiskClassifier.load(topics, **options)
    assert "\n" not in str(caught.value)


def test_without_risk_labels_an_evaluation_tells_of_labels_only(
    topics: Path, tmp_path: Path
) -> None:
    result = evaluate(rows(topics), model=RiskClassifier.load(topics, device="cpu"))
    assert result.rows.risk_labels == ()
    figures = result.figures.to_dict()
    assert (figures["accuracy"]["hits"], figures["accuracy"]["of"]) == (13, 14)
    assert 0 < figures["macro"]["f1"]["value"] < 1
    assert set(figures["areas"]) == set(SEVEN)
    parts = [figures["slices"][name]["accuracy"]["hits"] for name in ("short", "long")]
    assert sum(parts) == 13
    assert not {"operating_points", "other_risk_label", "unclear"} & set(figures)
    result.save(tmp_path / "report")
    report = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "13 of 14" in report
    for words in ("risky posts found", "Operating points", "Calibration", "in vain"):
        assert words not in report
    assert not (tmp_path / "report" / "reliability.png").exists()
    with pytest.raises(EvaluationError):
        evaluate(rows(topics), model=RiskClassifier.load(topics, device="cpu"), min_recall=0.9)


def test_two_models_without_risk_labels_are_compared_by_their_labels(
    topics: Path, tmp_path: Path
) -> None:
    classifier = RiskClassifier.load(topics, device="cpu")
    result = evaluate(rows(topics), model=classifier, against=[classifier])
    compared = result.figures.to_dict()["comparisons"][0]
    assert compared["macro_f1"]["theirs"] == compared["macro_f1"]["ours"]
    assert compared["mcnemar"]["label"]["both"] == 13
    result.save(tmp_path / "report")
    assert "posts with the right label" in (tmp_path / "report" / "report.md").read_text(
        encoding="utf-8"
    )


def test_without_risk_labels_the_command_line_predicts_and_evaluates(
    topics: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled = tmp_path / "labelled.jsonl"
    made = [{"post": row["text"], "right": row["label"]} for row in rows(topics)]
    labelled.write_text("".join(json.dumps(x) + "\n" for x in made), encoding="utf-8")
    scored = tmp_path / "scored.jsonl"
    arguments = ["--input", str(labelled), "--text-column", "post", "--output", str(scored)]
    assert cli.main(["predict", *arguments, "--model", str(topics)]) == 0
    first = json.loads(scored.read_text(encoding="utf-8").splitlines()[0])
    assert (first["risk"], first["decision"]) == (0.0, "clear")
    assert cli.main(["info", "--model", str(topics)]) == 0
    assert first["risk_labels"] == ""
    report = tmp_path / "report"
    arguments = [str(scored), "--label-column", "right", "--output", str(report)]
    assert cli.main(["evaluate", *arguments]) == 0
    assert "flags nothing" in capsys.readouterr().out
    figures = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert "operating_points" not in figures
    assert cli.main(["predict", "雨", "--model", str(topics), "--prevalence", "0.001"]) == 2


def test_scores_of_benign_posts_alone_still_tell_the_risk_labels(
    model_directory: Path, tmp_path: Path
) -> None:
    recorded = [
        {
            "label": "benign",
            "riskclf_label": "benign",
            "riskclf_decision": "clear",
            "riskclf_risk": 3e-7,
            "riskclf_score_minor_solicitation": 1e-7,
            "riskclf_score_adult_solicitation": 2e-7,
            "riskclf_score_benign": 0.9999997,
            "riskclf_risk_labels": "minor_solicitation|adult_solicitation",
        }
    ] * 3
    result = evaluate(recorded)
    assert result.rows.risk_labels == ("minor_solicitation", "adult_solicitation")
    rounded = [{**row, "riskclf_risk": 0.0} for row in recorded]
    for row in rounded:
        row |= {"riskclf_score_minor_solicitation": 0.0, "riskclf_score_adult_solicitation": 0.0}
    assert evaluate(rounded).rows.risk_labels == result.rows.risk_labels


def test_if_all_labels_are_risks_the_risk_is_one(
    make_model: Callable[..., Path], sentences: tuple[str, ...]
) -> None:
    classifier = RiskClassifier.load(make_model(labels=("a", "b"), risk_labels=("a", "b")))
    predictions = classifier.predict_many(sentences)
    assert {prediction.decision for prediction in predictions} == {"flag"}
    assert min(prediction.risk for prediction in predictions) > 1 - 1e-9
