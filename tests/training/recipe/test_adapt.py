"""Adapting: the right lines, a teacher asked once, and a run that survives a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertModel

from riskclf.errors import ArtifactMismatch, InputError
from riskclf.tokens import Tokenizer
from tests.tiny_base import LINES, write_base, write_corpora
from training.posts.corpora import Corpora
from training.recipe import adapt as module
from training.recipe.adapt import (
    MAX_CHARACTERS,
    Settings,
    Target,
    Vectors,
    adapt,
    choose_lines,
    fit,
    measure,
    teach,
)
from training.recipe.transplant import Base, load_base, transplant

QUICK = Settings(sentences=48, epochs=4, batch_size=8, learning_rate=5e-3)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corpora, a teacher, and a student of two of its four layers."""
    home = tmp_path_factory.mktemp("adapt")
    write_corpora(home / "corpora")
    write_base(home / "teacher")
    transplant(
        Corpora.load(home / "corpora"),
        load_base(str(home / "teacher")),
        layers=2,
        size=6_000,
        output=home / "student",
    )
    return home


@pytest.fixture(scope="module")
def corpora(home: Path) -> Corpora:
    return Corpora.load(home / "corpora")


@pytest.fixture(scope="module")
def teacher(home: Path) -> Base:
    return load_base(str(home / "teacher"))


@pytest.fixture(scope="module")
def lesson(home: Path, corpora: Corpora, teacher: Base) -> tuple[list[list[int]], Vectors]:
    """Student ids and teacher vectors of the same lines."""
    lines = choose_lines(corpora, 60, seed=0)
    encodings = Tokenizer.load(home / "student").encode_batch(lines)
    return [e.head.ids for e in encodings], teach(teacher, lines, home / "lesson")


def student(home: Path) -> BertModel:
    return BertModel.from_pretrained(home / "student", dtype=torch.float32)


# -- lines


def test_lines_follow_the_mix(corpora: Corpora) -> None:
    language = {line: name for name, lines in LINES.items() for line in lines}
    lines = choose_lines(corpora, 60, seed=0)
    assert Counter(language[line] for line in lines) == {"ja": 36, "en": 12, "ko": 6, "zh": 6}
    assert len(set(lines)) == len(lines)


def test_lines_follow_the_seed(corpora: Corpora) -> None:
    assert choose_lines(corpora, 20, seed=1) == choose_lines(corpora, 20, seed=1)
    assert choose_lines(corpora, 20, seed=1) != choose_lines(corpora, 20, seed=2)


def test_closed_and_long_lines_are_never_chosen(tmp_path: Path) -> None:
    directory = write_corpora(tmp_path)
    lines = choose_lines(Corpora.load(directory), 10_000, seed=0)
    assert "秘密の行です" not in lines
    assert len(lines) == sum(map(len, LINES.values()))
    assert max(map(len, lines)) <= MAX_CHARACTERS


# -- the teacher


def test_teacher_vectors_are_of_length_one_and_those_of_the_model(
    teacher: Base, tmp_path: Path
) -> None:
    lines = [*LINES["ja"][:3], LINES["en"][0]]
    vectors = teach(teacher, lines, tmp_path)
    assert vectors.shape == (4, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    model = teacher.model()
    for line, vector in zip(lines, vectors, strict=True):
        (ids,) = teacher.segment(["query: " + line])
        with torch.inference_mode():
            mean = model(torch.tensor([ids])).last_hidden_state[0].mean(dim=0)
        cosine = float(mean @ torch.from_numpy(vector) / mean.norm())
        assert cosine > 0.999  # bf16 and float16 on the way


def test_the_teacher_is_asked_once_and_the_cache_holds_no_text(
    teacher: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = LINES["en"]
    first = teach(teacher, lines, tmp_path)
    monkeypatch.setattr(module, "_teacher_vectors", None)
    assert np.array_equal(teach(teacher, lines, tmp_path), first)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"today" not in content
    with pytest.raises(TypeError):  # other lines, another key
        teach(teacher, lines[::-1], tmp_path)


# -- what is learned


def test_the_loss_is_least_at_the_target() -> None:
    chance = np.random.default_rng(0)
    vectors = chance.normal(size=(64, 16)).astype(np.float32) + 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    target = Target.of(vectors)
    given = torch.from_numpy(vectors)
    wanted = target.scale * (given - target.mean)
    assert float(wanted.pow(2).mean().sqrt()) == pytest.approx(0.4, rel=1e-3)
    best = float(target.loss(wanted, given, given, 0.5))
    assert best < 0.01  # what clipping to tanh's range leaves
    for pooled, mean in ((wanted * 0.5, given), (wanted.flip(0), given), (wanted, given.flip(0))):
        assert float(target.loss(pooled, mean, given, 0.5)) > best + 0.1


def test_each_epoch_sees_every_line_once(lesson: tuple[list[list[int]], Vectors]) -> None:
    ids, _ = lesson
    one, other = (module._batches(ids, QUICK, epoch) for epoch in (0, 1))
    for batches in (one, other):
        assert sorted(i for batch in batches for i in batch) == list(range(len(ids)))
    assert one != other
    assert one == module._batches(ids, QUICK, 0)


def test_training_brings_the_student_nearer(
    home: Path, lesson: tuple[list[list[int]], Vectors], tmp_path: Path
) -> None:
    ids, vectors = lesson
    target = Target.of(vectors)
    model = student(home)
    before = measure(model, ids, vectors, target)
    log: list[str] = []
    fit(model, ids, vectors, target, QUICK, tmp_path, log=log.append)
    after = measure(model, ids, vectors, target)
    for name in ("pooler_centred", "mean_centred"):
        assert after[name] > before[name] + 0.1
    assert "loss" in log[-1]
    assert not list(tmp_path.iterdir())  # shorter than the time between two checkpoints


# -- a run that is cut short


def test_a_resumed_run_ends_like_an_unbroken_one(
    home: Path,
    lesson: tuple[list[list[int]], Vectors],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids, vectors = lesson
    target = Target.of(vectors)

    def run(work: Path, model: BertModel, seconds: float) -> dict[str, torch.Tensor]:
        fit(model, ids, vectors, target, QUICK, work, checkpoint_seconds=seconds)
        return model.state_dict()

    unbroken = run(tmp_path / "unbroken", student(home), 1e9)

    save, steps = module._save, []

    def save_then_stop(*arguments: Any) -> None:
        save(*arguments)
        steps.append(arguments[-1])
        if len(steps) == 13:  # in the second of four epochs
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_save", save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", student(home), 0)
    monkeypatch.setattr(module, "_save", save)
    assert [path.name for path in (tmp_path / "broken").iterdir()] == ["step-00000013"]

    resumed = run(tmp_path / "broken", student(home), 1e9)
    for name, value in unbroken.items():
        assert torch.equal(value, resumed[name]), name


def test_a_checkpoint_of_another_run_is_not_taken(
    home: Path, lesson: tuple[list[list[int]], Vectors], tmp_path: Path
) -> None:
    ids, vectors = lesson
    target = Target.of(vectors)
    short = Settings(epochs=1, batch_size=16)
    fit(student(home), ids, vectors, target, short, tmp_path, checkpoint_seconds=0)
    with pytest.raises(ArtifactMismatch, match="other lines, teacher or settings"):
        fit(student(home), ids, vectors, target, QUICK, tmp_path)


KILLED = """
import sys
from pathlib import Path
from training.recipe.adapt import Settings, adapt
from training.posts.corpora import Corpora
from training.recipe.transplant import load_base

home = Path(sys.argv[1])
adapt(home / "student", load_base(str(home / "teacher")), Corpora.load(home / "corpora"),
      home / sys.argv[2], Settings(**eval(sys.argv[3])), held_back=8, checkpoint_seconds=0,
      log=lambda line: print(line, flush=True))
"""


def test_a_killed_run_goes_on(home: Path, corpora: Corpora, teacher: Base) -> None:
    settings = Settings(sentences=48, epochs=40, batch_size=8)
    given = repr({"sentences": 48, "epochs": 40, "batch_size": 8})
    checkpoints = home / "killed.work" / "checkpoints"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(home), "killed", given],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 120
        while not list(checkpoints.glob("step-*")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not (home / "killed").exists()

    log: list[str] = []
    for output in ("killed", "whole"):
        adapt(
            home / "student",
            teacher,
            corpora,
            home / output,
            settings,
            held_back=8,
            log=log.append,
        )
    assert any(line.startswith("resumed at step") for line in log)
    killed, whole = (load_file(home / name / "model.safetensors") for name in ("killed", "whole"))
    assert killed.keys() == whole.keys()
    for name, value in whole.items():
        assert torch.equal(value, killed[name]), name


# -- what is written


def test_the_output_is_a_plain_model_with_its_record(
    home: Path, corpora: Corpora, teacher: Base
) -> None:
    log: list[str] = []
    figures = adapt(
        home / "student", teacher, corpora, home / "out", QUICK, held_back=8, log=log.append
    )
    assert figures["after"]["pooler_centred"] > figures["before"]["pooler_centred"]
    assert json.loads((home / "out" / "adaptation.json").read_text(encoding="utf-8")) == figures
    assert (home / "out" / "transplant.json").is_file()
    assert BertModel.from_pretrained(home / "out").config.num_hidden_layers == 2
    text = LINES["ja"][0]
    before, after = (Tokenizer.load(home / name).encode(text) for name in ("student", "out"))
    assert before == after
    logged = "\n".join(log)
    assert not any(line in logged for lines in LINES.values() for line in lines)
    with pytest.raises(InputError, match="exists"):
        adapt(home / "student", teacher, corpora, home / "out", QUICK)


def test_too_few_lines(home: Path, corpora: Corpora, teacher: Base) -> None:
    with pytest.raises(InputError, match="too few"):
        adapt(home / "student", teacher, corpora, home / "none", QUICK, held_back=1_000)
