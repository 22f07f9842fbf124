"""What `riskclf predict TEXT` imports: a person waits for each import."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from riskclf import optimize
from tests.cli.helpers import ROOT
from tests.experts import with_experts

HEAVY = {
    *("torch", "transformers", "accelerate", "sklearn", "scipy.sparse", "scipy.optimize"),
    *("pandas", "pyarrow", "matplotlib", "jinja2", "huggingface_hub"),
}


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the engine openvino is chosen on Linux on x86-64 only",
)
def test_a_post_is_labelled_without_the_libraries_that_train(
    model_directory: Path, tmp_path: Path
) -> None:
    with_experts(model_directory, tmp_path / "experts")
    optimize(
        tmp_path / "experts",
        output=tmp_path / "model",
        precision="f32",
        compared={"none": ["今日は雨"]},
    )
    code = (
        "import sys; from riskclf.cli import main\n"
        f"status = main(['predict', '--model', {str(tmp_path / 'model')!r}, '今日は雨'])\n"
        f"print(status, {HEAVY!r} & {{*sys.modules}}, 'openvino' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=ROOT
    )
    assert "今日は雨" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 set() True", done.stderr
