"""`riskclf info`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from riskclf.labels import Prediction
from tests.cli.helpers import (
    Fake,
    command,
    run,
    with_model,
)


def test_info_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info") == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "model: somewhere",
        "labels: minor_solicitation (risk), adult_solicitation (risk)",
        "flag: risk >= 0.8",
        "review: risk >= 0.5",
        "versions: dictionary unidic_lite 1",
    ]
    assert run("info", "--all") == 0
    out = capsys.readouterr().out
    assert out.startswith("model: somewhere\nversions:\n  dictionary: unidic_lite 1\nsaved_as:\n")
    assert run("info", "--json") == 0
    assert json.loads(capsys.readouterr().out) == Fake().info()


@with_model
def test_info_of_the_packaged_model_is_json() -> None:
    done = command("info", "--json")
    assert done.returncode == 0, done.stderr
    assert "unidic" in json.dumps(json.loads(done.stdout))


@with_model
def test_info_of_the_packaged_model_is_ten_lines_for_an_analyst() -> None:
    done = command("info")
    assert done.returncode == 0, done.stderr
    names = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert len(names) <= 10
    assert {"model", "labels", "flag", "review", "operating points", "licence"} <= set(names)


HOSTILE = "Apache-2.0\x1b[2J\x9b31m\u202egnp.exe\x07\nlicence: none"


class Hostile(Fake):
    """A model whose provenance tries to control the terminal."""

    def info(self) -> dict[str, Any]:
        return {"saved_as": {"provenance": {"licence": HOSTILE, "\x1b[8mname": [HOSTILE]}}}


@pytest.mark.parametrize("options", [[], ["--all"], ["--json"]])
def test_info_prints_no_control_characters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: Hostile())
    assert run("info", *options) == 0
    out = capsys.readouterr().out
    assert not set("\x1b\x9b\u202e\x07") & set(out)
    assert "Apache-2.0" in out
    if options == ["--json"]:
        assert json.loads(out) == Hostile().info()
    else:
        # A line break in a value does not make a line of its own.
        assert not any(line.strip() == "licence: none" for line in out.splitlines())


def test_labels_on_the_screen_are_shown_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Labelled(Fake):
        labels = ("[bold]a\x1b[2J", "adult_solicitation", "benign")

        def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
            scores = dict.fromkeys(self.labels, 1 / 3)
            return [Prediction(self.labels[0], scores, 0.6, "review", False) for _ in posts]

    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: Labelled())
    assert run("predict", "天気") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]a" in out
