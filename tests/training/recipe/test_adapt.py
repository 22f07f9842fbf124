"""The adapted encoder: a killed run is resumed, and what is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertModel

from riskclf.errors import InputError
from riskclf.tokens import Tokenizer
from tests.tiny_base import LINES
from training.posts.corpora import Corpora
from training.recipe.adapt import adapt
from training.recipe.base import Base
from training.recipe.student import Settings

QUICK = Settings(sentences=48, epochs=4, batch_size=8, learning_rate=5e-3)


KILLED = """
import sys
from pathlib import Path
from training.recipe.adapt import adapt
from training.recipe.student import Settings
from training.posts.corpora import Corpora
from training.recipe.base_sources import load_base

home = Path(sys.argv[1])
adapt(home / "student", load_base(str(home / "teacher")), Corpora.load(home / "corpora"),
      home / sys.argv[2], Settings(**eval(sys.argv[3])), held_back=8,
      log=lambda line: print(line, flush=True))
"""


def test_a_killed_run_goes_on(home: Path, corpora: Corpora, teacher: Base) -> None:
    settings = Settings(sentences=48, epochs=40, batch_size=8, save_steps=2)
    given = repr({"sentences": 48, "epochs": 40, "batch_size": 8, "save_steps": 2})
    checkpoints = home / "killed.work" / "checkpoints"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(home), "killed", given],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 120
        while not list(checkpoints.glob("*/checkpoint-*/trainer_state.json")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not (home / "killed").exists()

    first: list[int] = []
    for output in ("killed", "whole"):
        steps: list[int] = []

        def told(stage: str, done: int, total: int | None, steps: list[int] = steps) -> None:
            if stage == "training":
                steps.append(done)

        adapt(
            home / "student",
            teacher,
            corpora,
            home / output,
            settings,
            held_back=8,
            progress=told,
        )
        first.append(steps[0])
    assert first[0] > first[1] == 1
    killed, whole = (load_file(home / name / "model.safetensors") for name in ("killed", "whole"))
    assert killed.keys() == whole.keys()
    for name, value in whole.items():
        assert torch.equal(value, killed[name]), name


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
