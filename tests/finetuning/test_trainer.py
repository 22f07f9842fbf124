"""Training goes through the serving path, learns, and resumes with the same result."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from riskclf.errors import ArtifactNotFound, InputError
from riskclf.finetuning import Example, TrainingConfig, train_classifier
from riskclf.tokens import Tokenizer

LABELS = ("rain", "bread", "neither")
EXAMPLES = [
    *[Example(f"今日は雨、{place}も雨", (1.0, 0.0, 0.0)) for place in "山川海空田"],
    *[Example(f"{place}のパン屋でパンを買った", (0.0, 1.0, 0.0)) for place in "山川海空田"],
    *[Example(f"{place}まで歩いた", (0.0, 0.0, 1.0)) for place in "山川海空田"],
    Example("雨の日のパン", (0.5, 0.5, 0.0)),
] * 4


@pytest.fixture(scope="module")
def base(model_directory: Path) -> Path:
    return model_directory


def _train(base: Path, checkpoints: Path, **changes: float) -> dict[str, torch.Tensor]:
    config = TrainingConfig(epochs=3, batch_size=8, save_steps=5, learning_rate=1e-3, **changes)  # type: ignore[arg-type]
    trained = train_classifier(
        base,
        EXAMPLES,
        labels=LABELS,
        checkpoints=checkpoints,
        config=config,
        transform=_shout,
    )
    return dict(trained.model.state_dict())


def _shout(texts: list[str], seed: int) -> tuple[list[str], bool]:
    return [text + "！" * ((seed + number) % 3) for number, text in enumerate(texts)], True


def test_it_learns_what_it_is_shown(base: Path, tmp_path: Path) -> None:
    model = train_classifier(
        base,
        EXAMPLES,
        labels=LABELS,
        checkpoints=tmp_path / "run",
        config=TrainingConfig(epochs=30, batch_size=8, learning_rate=3e-3),
    ).model
    tokenizer = Tokenizer.load(base)
    windows = [tokenizer.encode(example.text).head.ids for example in EXAMPLES[:15]]
    with torch.inference_mode():
        found = [int(model.eval()(torch.tensor([ids])).logits.argmax()) for ids in windows]
    assert found == [0] * 5 + [1] * 5 + [2] * 5
    assert model.config.id2label == dict(enumerate(LABELS))


_INTERRUPTED = """
import sys
from pathlib import Path
from transformers import Trainer
from tests.finetuning.test_trainer import _train

steps = 0
def training_step(self, *arguments, **options):
    global steps
    steps += 1
    if steps > 12:
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *arguments, **options)

original = Trainer.training_step
Trainer.training_step = training_step
_train(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_killed_run_resumes_with_the_result_of_an_unbroken_one(
    base: Path, tmp_path: Path
) -> None:
    unbroken = _train(base, tmp_path / "unbroken")
    killed = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(base), str(tmp_path / "killed")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
    )
    assert killed.returncode == -9, killed.stderr.decode()
    assert [*(tmp_path / "killed").glob("*/checkpoint-10")]
    assert not [*(tmp_path / "killed").glob("*/checkpoint-15")]
    resumed = _train(base, tmp_path / "killed")
    assert all(torch.equal(resumed[name], weight) for name, weight in unbroken.items())


def test_a_checkpoint_that_was_not_written_to_its_end_is_not_resumed(
    base: Path, tmp_path: Path
) -> None:
    unbroken = _train(base, tmp_path / "run")
    (checkpoint,) = (tmp_path / "run").glob("*/checkpoint-*")
    for name, state in (("checkpoint-90", None), ("checkpoint-95", "{")):
        partial = checkpoint.with_name(name)
        partial.mkdir()
        (partial / "model.safetensors").write_bytes(b"half")
        if state is not None:
            (partial / "trainer_state.json").write_text(state, encoding="utf-8")
    resumed = _train(base, tmp_path / "run")
    assert all(torch.equal(resumed[name], weight) for name, weight in unbroken.items())


def test_other_posts_do_not_go_on_from_these(base: Path, tmp_path: Path) -> None:
    config = TrainingConfig(epochs=1, batch_size=8, save_steps=1)
    for examples in (EXAMPLES, EXAMPLES[8:]):
        train_classifier(
            base, examples, labels=LABELS, checkpoints=tmp_path / "runs", config=config
        )
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_the_seed_decides(base: Path, tmp_path: Path) -> None:
    one, other = _train(base, tmp_path / "1", seed=1), _train(base, tmp_path / "2", seed=2)
    assert any(not torch.equal(one[name], weight) for name, weight in other.items())


def test_nothing_to_train_on_and_no_model_are_clear_errors(base: Path, tmp_path: Path) -> None:
    train: Callable[..., object] = train_classifier
    with pytest.raises(InputError, match="no posts"):
        train(base, [], labels=LABELS, checkpoints=tmp_path, config=TrainingConfig())
    with pytest.raises(ArtifactNotFound, match=r"config\.json"):
        train(tmp_path, EXAMPLES, labels=LABELS, checkpoints=tmp_path, config=TrainingConfig())
