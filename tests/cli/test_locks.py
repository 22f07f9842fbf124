"""Two commands on one output: the second is refused in one line, and the first is not disturbed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from riskclf.casework import Store
from tests.casework.desk import DETAILS, RETENTION
from tests.cli.helpers import (
    ROOT,
    only_line,
    program,
    records,
    run,
    start,
    wait_for_batches,
)

HOLD = """
import sys
sys.path.insert(0, {root!r})
from riskclf.files import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process holds the lock of the path."""
    code = HOLD.format(root=str(ROOT))
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield
        holder.communicate()


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another input than `table`."""
    path = tmp_path / "other.csv"
    path.write_text("id,text\n" + "\n".join(f"{n},雨" for n in range(2000)), encoding="utf-8")
    return path


@pytest.mark.parametrize("same", [True, False], ids=["the same job", "another job"])
def test_a_second_run_on_one_output_is_refused(
    tmp_path: Path, table: Path, other: Path, same: bool
) -> None:
    alone, out = tmp_path / "alone.csv", tmp_path / "o.csv"
    assert run("predict", "--input", table, "--output", alone) == 1
    # Long enough for the second to start, also on a busy machine.
    first = start(6, "predict", "--input", table, "--output", out)
    wait_for_batches(tmp_path / "o.csv.resume", 1)
    source = table if same else other
    second = subprocess.run(
        program(0, "predict", "--input", source, "--output", out),
        capture_output=True,
        encoding="utf-8",
    )
    assert second.returncode == 2
    assert only_line(second.stderr).startswith(f"error: {out} is being written by another run")
    assert first.communicate(timeout=60)
    assert first.returncode == 1
    assert out.read_bytes() == alone.read_bytes()
    assert len(records(tmp_path / "o.csv.rejects.csv")) == 2
    # Nothing is left of the locks.
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        *("posts.csv", "other.csv"),
        *("alone.csv", "alone.csv.rejects.csv", "o.csv", "o.csv.rejects.csv"),
    }


def test_two_outputs_do_not_share_a_list_of_rejects(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "bad.csv"
    options: list[str | Path] = ["--output", tmp_path / "o.csv", "--rejects", listed]
    with held(listed):
        assert run("predict", "--input", table, *options) == 2
    assert f"{listed} is being written by another run" in only_line(capsys.readouterr().err)
    assert not (tmp_path / "o.csv").exists()


def test_a_run_after_a_killed_one_is_not_refused(tmp_path: Path, table: Path) -> None:
    out = tmp_path / "o.csv"
    # Long enough for the second to start, also on a busy machine.
    first = start(6, "predict", "--input", table, "--output", out)
    wait_for_batches(tmp_path / "o.csv.resume", 1)
    first.kill()
    first.communicate()
    assert run("predict", "--input", table, "--output", out) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "posts.csv", "--output", "place"],
        ["finetune", "posts.csv", "--output", "place"],
        ["suggest", "posts.csv", "--output", "place.csv"],
        ["predict", "--input", "posts.csv", "--output", "place.csv"],
        ["triage", "posts.csv", "--capacity", "9/hour", "--hours", "1", "--output", "place.csv"],
        [
            "casework",
            "export",
            "cases.db",
            "--officer",
            "a",
            "--second",
            "b",
            "--output",
            "place.csv",
        ],
        ["casework", "drafts", "--new", "place.toml"],
        ["audit", "merge", "audit.jsonl", "--output", "place.jsonl"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_every_command_that_writes_obeys_the_lock(
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Store.create("cases.db", **DETAILS, retention=RETENTION, audit_log="audit.jsonl")
    before = sorted(tmp_path.iterdir())
    with held(tmp_path / arguments[-1]):
        assert run(*arguments) == 2
        error = only_line(capsys.readouterr().err)
        assert f"{arguments[-1]} is being written by another run" in error
    assert sorted(tmp_path.iterdir()) == before
