"""The outside task is read whole, and learned through the library's own path."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from transformers import BertModel

from riskclf.errors import InputError
from riskclf.finetuning import TrainingConfig
from tests.tiny_base import write_corpus, write_manifest
from training.experiments import outside
from training.experiments.outside import choose_rate, count_right, outside_rows, read_task
from training.posts.corpora import Corpora


def test_a_learnable_task_is_learned(model_directory: Path, tmp_path: Path) -> None:
    rows = [(f"今日は雨、{x}も雨", 1) for x in "山川海空田"] + [
        (f"{x}のパン屋でパンを買った", 0) for x in "山川海空田"
    ]
    encoder = tmp_path / "encoder"
    BertModel.from_pretrained(model_directory).save_pretrained(encoder)
    for name in ("vocab.txt", "tokenizer_config.json"):
        shutil.copy(model_directory / name, encoder)
    config = TrainingConfig(epochs=20, learning_rate=3e-3, batch_size=8)
    right = count_right(encoder, rows * 4, rows, config=config, checkpoints=tmp_path / "work")
    assert right == len(rows)
    # At a rate of nearly nothing nothing is learned.
    rate = choose_rate(
        encoder, rows * 4, config=config, rates=(1e-9, 3e-3), checkpoints=tmp_path / "work"
    )
    assert rate == 3e-3


def test_the_task_is_read_with_its_labels_and_a_bad_row_is_named(tmp_path: Path) -> None:
    lines = ["sent,label", '"雨の日、傘を貸した",0', "傘を盗んだ,1"]
    entry = write_corpus(tmp_path, "task_val.csv", lines, "ja", ["outside task"])
    write_manifest(tmp_path, [entry])
    source = Corpora.load(tmp_path).of("outside task")[0]
    assert read_task(source) == [("雨の日、傘を貸した", 0), ("傘を盗んだ", 1)]
    source.path.write_text("sent,label\n雨,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 2"):
        read_task(source)


def test_the_figures_of_each_encoder_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["sent,label", *(f"傘の数は{n},{n % 2}" for n in range(8))]
    entries = [
        write_corpus(tmp_path, f"task_{part}.csv", lines, "ja", ["outside task"])
        for part in ("train", "val")
    ]
    write_manifest(tmp_path, entries)
    monkeypatch.setattr(outside, "RESULTS", tmp_path / "outside.json")
    monkeypatch.setattr(outside, "choose_rate", lambda *_, **__: 1e-4)
    for encoder, right in (("one", 4), ("other", 8), ("one", 6)):
        monkeypatch.setattr(outside, "count_right", lambda *_, right=right, **__: right)
        outside.main(tmp_path, base=[tmp_path / encoder])
    assert [row[:2] for row in outside_rows()] == [("one", "1e-04"), ("other", "1e-04")]
    shares = [row[2] for row in outside_rows()]
    assert shares[0].startswith("0.750 (0.409–0.929), 6 of 8")
    assert shares[1].endswith(", 8 of 8")
