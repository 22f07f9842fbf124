"""`riskclf volume` and `riskclf drift`."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from tests.cli.helpers import only_line, run
from tests.volume.helpers import Row, labelled, stream

MONTHS = {"2026-01": (300, 2700), "2026-02": (150, 2850)}


def _write(place: Path, rows: list[Row]) -> Path:
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return place


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """The scored stream and the labelled posts."""
    known = _write(tmp_path / "labelled.csv", labelled(200, 800))
    return _write(tmp_path / "scored.csv", list(stream(MONTHS))), known


def test_volume_prints_the_months_the_change_and_how_it_was_collected(
    tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "v.json"
    options: list[str | Path] = [
        "--collected",
        "search for 12 words",
        "--compare",
        "2026-01",
        "2026-02",
    ]
    assert run("volume", tables[0], "--labelled", tables[1], *options, "--output", place) == 0
    out, err = capsys.readouterr()
    assert "search for 12 words" in out
    assert "Posts that were not collected are not counted" in out
    assert "Probability that it fell: 100.0 %" in out
    assert "No families are named" in err
    found = json.loads(place.read_text(encoding="utf-8"))
    assert f"{found['months'][0]['risky']['value']:,.0f} (" in out
    assert found["change"]["ratio"]["high"] < 1


def test_volume_speaks_japanese(
    tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--collected", "12語の検索", "--compare", "2026-01", "2026-02", "--lang", "ja"]
    plot: list[str | Path] = ["--plot", tmp_path / "v.png"]
    assert run("volume", tables[0], "--labelled", tables[1], *options, *plot) == 0
    out, err = capsys.readouterr()
    assert "12語の検索" in out and "減った確率" in out
    assert not re.search(r"[A-Za-z]{4,} [a-z]{3,} [a-z]{3,}", out + err)
    assert (tmp_path / "v.png").stat().st_size > 5000


def test_posts_without_a_time_are_listed_and_the_status_says_so(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = list(stream(MONTHS))
    rows[1]["posted_at"] = ""
    _write(tables[0], rows)
    assert run("volume", tables[0], "--labelled", tables[1], "--collected", "all") == 1
    listed = tables[0].with_name("scored.csv.rejects.csv")
    assert "posted_at" in listed.read_text(encoding="utf-8")
    assert "1 row was rejected" in capsys.readouterr().err


def test_too_few_labelled_posts_are_refused_in_one_line(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tables[1], labelled(20, 800))
    assert run("volume", tables[0], "--labelled", tables[1], "--collected", "all") == 2
    assert "20 risky posts, and 50 are needed" in only_line(capsys.readouterr().err)
    assert run("volume", tables[0], "--labelled", tables[1]) == 2
    assert "--collected" in only_line(capsys.readouterr().err)
    options: list[str | Path] = ["--collected", "all", "--output", tables[0]]
    assert run("volume", tables[0], "--labelled", tables[1], *options) == 2
    assert "would overwrite the input" in only_line(capsys.readouterr().err)
    assert run("volume", tables[1], "--labelled", tables[1], "--collected", "all") == 2
    assert "are the same file" in only_line(capsys.readouterr().err)


def test_drift_says_in_words_whether_to_look_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = _write(tmp_path / "old.csv", list(stream({"2026-01": (50, 950)})))
    new = _write(tmp_path / "new.csv", list(stream({"2026-02": (200, 800)}, seed=2)))
    place = tmp_path / "drift.json"
    assert run("drift", old, new, "--output", place) == 0
    out, _err = capsys.readouterr()
    assert "Look at the thresholds again" in out
    assert json.loads(place.read_text(encoding="utf-8"))["look_again"] is True
    same = _write(tmp_path / "same.csv", list(stream({"2026-01": (50, 950)})))
    assert run("drift", old, same, "--lang", "ja") == 0
    assert "しきい値" in capsys.readouterr().out
    assert run("drift", old, tmp_path / "gone.csv") == 2
    assert "gone.csv" in only_line(capsys.readouterr().err)
