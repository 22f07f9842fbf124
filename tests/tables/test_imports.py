"""Importing the tables costs little, since every command does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import riskclf


def test_importing_the_tables_loads_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "numpy", "scipy", "sklearn", "datasets", "pyarrow", "rich"}
    code = (
        "import sys, riskclf.tables, riskclf.tables.predictions, riskclf.tables.jsonl\n"
        "import riskclf.tables.separated, riskclf.tables.parquet\n"
        f"print(*({heavy!r} & set(sys.modules)))"
    )
    root = Path(riskclf.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.strip() == ""
