"""The notebooks run from the first cell to the last, on a small model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import riskclf
from riskclf import RiskClassifier

EXAMPLES = Path(riskclf.__file__).parent.parent / "docs" / "examples"
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))

QUICK = """
import riskclf.finetuning.folds, riskclf.finetuning.job
riskclf.finetuning.folds._FOLDS = 2
riskclf.finetuning.job.load_our_posts = lambda: []
"""
"""Two folds and none of our posts, so that fine-tuning takes seconds."""


def _cells_and_outputs(name: str, directory: Path, **parameters: str) -> list[tuple[str, str]]:
    """Run a notebook in a directory with other parameters: source and output of every cell."""
    notebook: Any = nbformat.read(EXAMPLES / name, as_version=4)  # type: ignore[no-untyped-call]
    (given,) = (x for x in notebook.cells if "parameters" in x.metadata.get("tags", ()))
    assert set(parameters) == {x.partition(" = ")[0] for x in given.source.splitlines()}
    given.source = "\n".join(f"{x} = {value!r}" for x, value in parameters.items()) + QUICK
    NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(directory)}}
    ).execute()
    return [
        (cell.source, "".join(x.get("text", "") for x in cell.outputs))
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_without_outputs(name: str) -> None:
    notebook: Any = nbformat.read(EXAMPLES / name, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 2
    assert not [cell for cell in code if cell.outputs or cell.execution_count]


def test_predict(model_directory: Path, tmp_path: Path) -> None:
    outputs = [
        x for _, x in _cells_and_outputs("predict.ipynb", tmp_path, MODEL=str(model_directory))
    ]
    (table,) = (x for x in outputs if len(x.splitlines()) == 12)
    assert all(line.split()[2] in ("flag", "review", "clear") for line in table.splitlines())


def test_evaluate(model_directory: Path, tmp_path: Path) -> None:
    outputs = _cells_and_outputs(
        "evaluate.ipynb", tmp_path, MODEL=str(model_directory), OUTPUT="report"
    )
    assert "flag_or_review recall: " in "".join(x for _, x in outputs)
    assert (tmp_path / "report" / "report.html").is_file()


def test_finetune(model_directory: Path, tmp_path: Path) -> None:
    outputs = _cells_and_outputs(
        "finetune.ipynb", tmp_path, MODEL=str(model_directory), OUTPUT="mine"
    )
    assert "accepted: " in "".join(x for _, x in outputs)
    assert (
        RiskClassifier.load(model_directory).labels == RiskClassifier.load(tmp_path / "mine").labels
    )
