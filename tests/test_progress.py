"""How far long work is, as a caller is told."""

from __future__ import annotations

import pytest

from riskclf.progress import following


def test_a_callback_is_told_stage_and_counts() -> None:
    told: list[tuple[str, int, int | None]] = []
    with following(lambda *step: told.append(step)) as show:
        show("read", 3, None)
        show("train", 1, 8)
    assert told == [("read", 3, None), ("train", 1, 8)]


@pytest.mark.parametrize("progress", [None, False])
def test_nothing_is_said_unless_asked(
    progress: bool | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with following(progress) as show:
        show("read", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_a_message_is_shown_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with following(True) as show:
        show("about 3 minutes", 0, 0)
        show("train", 1, 8)
    assert capsys.readouterr().err == "about 3 minutes\n"


def test_without_a_terminal_there_is_a_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 1.0, 59.0, 61.0, 100.0, 122.0])
    monkeypatch.setattr("riskclf.progress.time.monotonic", lambda: next(seconds))
    with following(True) as show:
        for done in range(5):
            show("train", 1000 * done, 8000)
    assert capsys.readouterr().err == "train: 2,000/8,000\ntrain: 4,000/8,000\n"
