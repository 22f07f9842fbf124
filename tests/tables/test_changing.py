"""A file that somebody writes to while it is read: no result is made of what was half there."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from riskclf.errors import InputError
from riskclf.tables import open_table
from tests.cli.helpers import Fake, records, run

ROWS = 3000


def table_of(suffix: str, rows: int = ROWS) -> bytes:
    texts = [f"今日は雨 {number}" for number in range(rows)]
    if suffix.startswith(".csv"):
        content = "text\n" + "".join(f"{text}\n" for text in texts)
    else:
        content = "".join(f'{{"text": "{text}"}}\n' for text in texts)
    return gzip.compress(content.encode()) if suffix.endswith(".gz") else content.encode()


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(table_of(path.suffix, 2))


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def rewrite(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content)


@pytest.mark.parametrize("change", [grow, shrink, rewrite])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl"])
def test_what_changes_while_it_is_read_is_refused_at_the_end(
    tmp_path: Path, suffix: str, change: Callable[[Path], None]
) -> None:
    path = tmp_path / f"posts{suffix}"
    path.write_bytes(table_of(suffix))
    with (
        pytest.raises(InputError, match=r"was changed while it was read|is not a complete gzip"),
        open_table(path) as table,
    ):
        for number, _ in enumerate(table):
            if number == 10:
                change(path)


def test_what_is_replaced_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_bytes(table_of(".csv"))
    with open_table(path) as table:
        rows = iter(table)
        next(rows)
        (tmp_path / "new").write_bytes(b"text\nnew\n")
        (tmp_path / "new").replace(path)
        assert 1 + len([*rows]) == ROWS


@pytest.mark.parametrize("change", [grow, shrink])
def test_no_output_is_made_of_a_changed_input_and_the_next_run_starts_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], None],
) -> None:
    path, output = tmp_path / "posts.jsonl", tmp_path / "out.csv"
    path.write_bytes(table_of(".jsonl"))

    class Changing(Fake):
        done = False

        def predict_many(self, posts: object) -> list[object]:  # type: ignore[override]
            if not self.done:
                change(path)
                self.done = True
            return super().predict_many(posts)  # type: ignore[arg-type,return-value]

    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: Changing())
    assert run("predict", "--input", path, "--output", output) == 2
    assert "posts.jsonl was changed while it was read" in capsys.readouterr().err
    assert not output.exists()
    assert not output.with_name("out.csv.rejects.csv").exists()

    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: Fake())
    status = run("predict", "--input", path, "--output", output)
    assert "starting again from the first row; changed" in capsys.readouterr().err
    lines = path.read_bytes().splitlines()
    complete = [line for line in lines if line.endswith(b"}")]
    assert status == (0 if len(complete) == len(lines) else 1)
    assert len(records(output)) == len(complete)
