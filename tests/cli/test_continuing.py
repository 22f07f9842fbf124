"""`riskclf predict` that is stopped, killed or cut off, and is continued."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.helpers import (
    Fake,
    only_line,
    records,
    run,
    start,
    stdin,
    wait_for_batches,
)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_stopped_run_is_continued_to_the_same_bytes(
    tmp_path: Path, table: Path, fake: Fake, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    unbroken, out = tmp_path / f"u.{suffix}", tmp_path / f"o.{suffix}"
    assert run("predict", "--input", table, "--output", unbroken) == 1
    capsys.readouterr()

    fake.posts.clear()
    fake.stop_after = 1500
    assert run("predict", "--input", table, "--output", out) == 130
    assert only_line(capsys.readouterr().err).endswith("run the same command again to continue\n")
    assert not out.exists()
    assert (tmp_path / f"{out.name}.partial").exists()

    fake.posts.clear()
    fake.stop_after = None
    assert run("predict", "--input", table, "--output", out) == 1
    assert len(fake.posts) == 2498 - 2048
    assert out.read_bytes() == unbroken.read_bytes()
    listed = tmp_path / f"{out.name}.rejects.csv"
    assert listed.read_bytes() == (tmp_path / f"{unbroken.name}.rejects.csv").read_bytes()
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.resume"))
    err = capsys.readouterr().err
    assert "continuing the run that was stopped" in err
    assert "2,048 of them from the run that was stopped" in err


def test_posts_that_repeat_are_scored_once_and_counted_also_in_a_continued_run(
    tmp_path: Path, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "posts.csv"
    # Many come again in a later batch, some of them written with other characters.
    posts = [f"散歩{n % 1500}した{'！!'[n > 2000]}" for n in range(4000)]
    source.write_text("\n".join(["text", *posts]), encoding="utf-8")
    assert run("predict", "--input", source, "--output", tmp_path / "u.csv") == 0
    assert len(fake.posts) == 1500
    told = capsys.readouterr().err
    assert "4,000 posts, 2,500 of them repeat an earlier one and were scored with it" in told

    fake.posts.clear()
    fake.stop_after = 1024
    assert run("predict", "--input", source, "--output", tmp_path / "o.csv") == 130
    fake.stop_after = None
    assert run("predict", "--input", source, "--output", tmp_path / "o.csv") == 0
    assert (tmp_path / "o.csv").read_bytes() == (tmp_path / "u.csv").read_bytes()
    assert len(fake.posts) == 1500
    assert "2,500 of them repeat" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["model", "input", "option"])
def test_a_changed_job_starts_afresh_and_says_so(
    tmp_path: Path, table: Path, fake: Fake, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    out = tmp_path / "o.csv"
    fake.stop_after = 1000
    assert run("predict", "--input", table, "--output", out) == 130
    capsys.readouterr()
    fake.posts.clear()
    fake.stop_after = None
    more: list[str] = []
    if change == "model":
        fake.fingerprint = "4567"
    elif change == "input":
        table.write_text(table.read_text(encoding="utf-8") + "2500,end\n", encoding="utf-8")
    else:
        more = ["--batch-size", "8"]
    assert run("predict", "--input", table, "--output", out, *more) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith(
        "starting again from the first row; changed since the run that was stopped: "
    )
    assert {"model": "model", "input": "size of the input", "option": "batch size"}[change] in first
    assert len(fake.posts) == len(records(out))


def test_the_record_of_a_stopped_run_holds_no_post(tmp_path: Path, table: Path, fake: Fake) -> None:
    fake.stop_after = 1500
    assert run("predict", "--input", table, "--output", tmp_path / "o.csv") == 130
    assert "散歩" not in (tmp_path / "o.csv.resume").read_text(encoding="utf-8")
    assert "\\u" not in (tmp_path / "o.csv.resume").read_text(encoding="utf-8")


def test_standard_input_cannot_be_continued_and_says_so(
    tmp_path: Path,
    table: Path,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake.stop_after = 1000
    stdin(monkeypatch, table.read_text(encoding="utf-8"))
    out = tmp_path / "o.csv"
    assert run("predict", "--input", "-", "--format", "csv", "--output", out) == 130
    assert "standard input cannot be continued" in only_line(capsys.readouterr().err)
    assert not out.exists()
    assert not (tmp_path / "o.csv.resume").exists()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_is_continued_to_the_same_bytes(
    tmp_path: Path, table: Path, fake: Fake, how: signal.Signals, suffix: str
) -> None:
    unbroken, out = tmp_path / f"u.{suffix}", tmp_path / f"o.{suffix}"
    assert run("predict", "--input", table, "--output", unbroken) == 1
    process = start(0.5, "predict", "--input", table, "--output", out)
    wait_for_batches(tmp_path / f"{out.name}.resume", 2)
    process.send_signal(how)
    err = process.communicate(timeout=30)[1]
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in err
    assert not out.exists()
    fake.posts.clear()
    assert run("predict", "--input", table, "--output", out) == 1
    assert len(fake.posts) == 2498 - 2048
    assert out.read_bytes() == unbroken.read_bytes()


def test_a_reader_that_leaves_the_pipe_ends_it_quietly(table: Path) -> None:
    process = start(0, "predict", "--input", table, "--output", "-", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("id,text,label")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) == 141
