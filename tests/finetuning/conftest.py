"""What the tests of fine-tuning share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import MakeModel

if TYPE_CHECKING:
    from pathlib import Path

    from riskclf import FineTuning


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folds, and none of our posts."""
    from tests.finetuning.lessons import shorten

    shorten(monkeypatch)


@pytest.fixture(scope="session")
def taught(make_model: MakeModel, tmp_path_factory: pytest.TempPathFactory) -> FineTuning:
    """A model that was taught, in three folds, that rain is a risk and bread is not."""
    from riskclf import finetune
    from tests.finetuning.lessons import rows, shorten

    with pytest.MonkeyPatch.context() as patch:
        shorten(patch, folds=3)
        output = tmp_path_factory.mktemp("taught") / "model"
        return finetune(rows(), base=make_model(seed=5), output=output)


@pytest.fixture(scope="session")
def expert_base(
    make_model: MakeModel, sentences: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A model with n-grams, neighbours, aspects and support. Read only."""
    from tests.finetuning.expertise import with_experts

    return with_experts(make_model(seed=5), sentences, tmp_path_factory.mktemp("expert") / "model")
