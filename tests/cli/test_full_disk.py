"""When a file cannot be written, the message names the path that the user typed."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from riskclf.cli.console import os_error_line
from tests.cli.helpers import only_line, program

resource = pytest.importorskip("resource")  # not on Windows

_LIMIT = 20_000  # bytes that a file may have: more is refused like on a full disk


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    path = tmp_path / "scored.csv"
    columns = "text,gold,label,decision,risk,score_minor_solicitation,score_adult_solicitation,"
    lines = [f"{columns}score_benign,truncated,risk_labels"]
    for number in range(600):
        gold = ("benign", "minor_solicitation")[number % 2]
        rest = "benign,clear,0.2,0.1,0.1,0.8,false,minor_solicitation|adult_solicitation"
        lines.append(f"散歩{number},{gold},{rest}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "--input", "posts.csv", "--output", "place.csv"],
        ["predict", "--input", "posts.csv", "--output", "place.parquet"],
        ["predict", "--input", "bad.csv", "--output", "-", "--rejects", "place.csv"],
        ["evaluate", "scored.csv", "--label-column", "gold", "--output", "place"],
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}",
)
def test_a_full_disk_is_one_line_that_names_the_output(
    table: Path, scored: Path, tmp_path: Path, arguments: list[str]
) -> None:
    rows = "\n".join("a,b,c,d" for _ in range(2000))
    (tmp_path / "bad.csv").write_text(f"id,text\n1,天気\n{rows}\n", encoding="utf-8")
    done = subprocess.run(
        program(0, *arguments),
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT, _LIMIT)),
    )
    assert done.returncode == 2, done.stderr
    error = only_line(done.stderr)
    assert error.startswith(f"error: {arguments[-1]}"), error
    assert "cannot be written: File too large; make room on its disk" in error
    assert "partial" not in error
    assert "resume" not in error


def test_a_file_that_cannot_be_renamed_is_called_by_its_new_name() -> None:
    error = OSError(errno.EACCES, "Permission denied", ".o.csv.x7y", None, "o.csv")
    assert os_error_line(error) == "o.csv: Permission denied"
