"""docs/volume.md runs as it is printed, with the packaged model."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest

from riskclf.cli import main

ROOT = Path(__file__).parents[2]


def test_the_page_on_volume_runs_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "volume.md").read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- ci: volume -->\n```(\w+)\n(.*?)```", page, re.DOTALL)
    assert {kind for kind, _ in blocks} == {"bash", "python"}
    for kind, block in blocks:
        if kind == "python":
            exec(block, {"__name__": "__main__"})
            continue
        for line in block.replace("\\\n", " ").splitlines():
            program, *arguments = shlex.split(line)
            if program == "python":
                runpy.run_path(str(ROOT / arguments[0]), run_name="__main__")
                continue
            assert program == "riskclf"
            assert main(arguments) == 0, capsys.readouterr().err
    found = json.loads((tmp_path / "volume.json").read_text(encoding="utf-8"))
    assert [month["refused"] for month in found["months"]] == [""] * 12
    assert found["change"]["fell"] > 0.99
    assert (tmp_path / "volume.png").stat().st_size > 5000
