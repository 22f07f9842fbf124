"""Cross-validation measures models that have not seen the post, and survives an interruption."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from riskclf import FineTuning, RiskClassifier, finetune
from riskclf.errors import EvaluationError
from riskclf.finetuning.computed import Computed
from riskclf.finetuning.data import LabelledPosts
from riskclf.finetuning.folds import split
from riskclf.finetuning.learning import Learned
from riskclf.manifest import Manifest
from tests.conftest import MakeModel
from tests.finetuning.lessons import BREAD, RAIN, rows, shorten, spy_on_training


def _posts(groups: Sequence[int]) -> LabelledPosts:
    count = len(groups)
    numbers = np.array(groups, dtype=np.int64)
    targets: list[tuple[float, ...]] = [(float(n % 2), float(n % 2 == 0)) for n in range(count)]
    return LabelledPosts([f"post {n}" for n in range(count)], targets, numbers, numbers, [], 0, 0)


def test_every_post_is_held_out_once_and_no_group_is_in_two_folds() -> None:
    groups = [n // 3 for n in range(60)]
    folds = split(_posts(groups), seed=0)
    assert len(folds) == 5
    assert sorted(row for held in folds for row in held) == list(range(60))
    where = [{groups[row] for row in held} for held in folds]
    assert sum(map(len, where)) == len(set().union(*where))
    assert folds == split(_posts(groups), seed=0) != split(_posts(groups), seed=1)


def test_of_many_posts_one_fold_is_held_out_and_too_few_groups_are_an_error() -> None:
    assert len(split(_posts(range(1001)), seed=0)) == 1
    with pytest.raises(EvaluationError, match="add posts that differ"):
        split(_posts([0] * 8), seed=0)


def test_held_out_figures_come_from_models_that_have_not_seen_the_post(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch)
    seen: list[list[str]] = []
    spy_on_training(monkeypatch, lambda _, examples: seen.append([x.text for x in examples]))
    held: list[list[str]] = []
    compute = Learned.compute

    def measuring(learned: Learned, texts: Sequence[str], manifest: Manifest) -> Computed:
        held.append(list(texts))
        return compute(learned, texts, manifest)

    monkeypatch.setattr(Learned, "compute", measuring)
    given = rows()
    given[0]["family"] = given[1]["family"] = "shower"
    finetune(given, base=make_model(seed=5), output=tmp_path / "model")
    assert sorted(text for texts in held for text in texts) == sorted([*RAIN, *BREAD])
    for trained, out in zip(seen, held, strict=False):
        assert not set(trained) & set(out)
    assert set(seen[-1]) == {*RAIN, *BREAD}
    assert any({RAIN[0], RAIN[1]} <= set(out) for out in held)


# Interrupted --------------------------------------------------------------------------------------

_KILLED = """
import os, signal, sys
import pytest
import riskclf.finetuning.learning as learning
from riskclf import finetune
from tests.finetuning.lessons import rows, shorten

with pytest.MonkeyPatch.context() as patch:
    shorten(patch, folds=3)
    train, runs = learning.train_classifier, 0

    def counted(*arguments, **options):
        global runs
        runs += 1
        if runs == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return train(*arguments, **options)

    patch.setattr(learning, "train_classifier", counted)
    finetune(rows(), base=sys.argv[1], output=sys.argv[2])
"""


@pytest.mark.parametrize("fold", [2, 4])
def test_a_killed_run_leaves_the_old_model_and_continues_to_the_same_result(
    make_model: MakeModel,
    taught: FineTuning,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fold: int,
) -> None:
    shorten(monkeypatch, folds=3)
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
    stages: dict[str, None] = {}
    again = finetune(
        rows(), base=base, output=output, progress=lambda stage, *_: stages.setdefault(stage)
    )
    assert len([x for x in stages if x.startswith("cross-validation")]) == 4 - fold
    left = {2: "3 trainings", 4: "1 training"}[fold]
    assert f"about 1 minute ({left})" in stages
    assert again.report == taught.report
    one, other = (x / "model.safetensors" for x in (taught.directory, output))
    assert one.read_bytes() == other.read_bytes()
    assert not list(tmp_path.glob(".*"))
