"""A terminal is not controlled by what a model, a table or a log names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from riskclf.labels import Explanation, Prediction, Scenario
from tests.cli.helpers import Fake, run

NAME = "\x1b]0;x\x07\x9b31m\u202eb\u2067c\u200fd\x85\r\x08"
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Hostile(Fake):
    """A model whose labels, questions and scenarios would control a terminal."""

    labels = (f"{NAME}0", f"{NAME}1", f"{NAME}2")
    risk_labels = labels[:2]

    def one(self, post: str, shift: float) -> Prediction:
        found = super().one(post, shift)
        scores = dict(zip(self.labels, found.scores.values(), strict=True))
        return replace(found, label=self.labels[0], scores=scores, decision="flag")

    def explain_many(self, posts: Iterable[str]) -> list[Explanation]:
        return [
            replace(
                found,
                aspects=tuple(
                    replace(x, question=NAME, answers=(NAME,), probabilities={NAME: 0.9})
                    for x in found.aspects
                ),
                spans=tuple(replace(x, question=NAME) for x in found.spans),
            )
            for found in super().explain_many(posts)
        ]

    def nearest(self, post: str) -> tuple[Scenario, ...]:
        return (Scenario(NAME, NAME, 0.5),)

    def info(self) -> dict[str, object]:
        return {"model": NAME, NAME: {NAME: [NAME]}}


def test_labels_questions_and_columns_do_not_control_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: Hostile())
    table, other = tmp_path / "t.csv", tmp_path / "other.csv"
    table.write_text("text\n図書館で本を借りた\n", encoding="utf-8")
    other.write_text(f"{NAME.replace(chr(13), '')},b\n1,2\n", encoding="utf-8")
    log = tmp_path / "log"
    log.write_text(json.dumps({"n": 0, "digest": NAME}) + "\n", encoding="utf-8")
    for command, status in (
        (("predict", "図書館で本を借りた"), 0),
        (("predict", "--explain", "図書館で本を借りた"), 0),
        (("predict", "--input", table), 0),
        (("predict", "--input", other), 2),
        (("predict", "--input", table, "--text-column", NAME), 2),
        (("explain", "--nearest", "図書館で本を借りた"), 0),
        (("explain", "--json", "図書館で本を借りた"), 0),
        (("info", "--json"), 0),
        (("info",), 0),
        (("audit", "head", log), 0),
    ):
        assert run(*command) == status, command
        shown = "".join(capsys.readouterr())
        assert len(shown) > 20
        assert not UNSAFE.search(shown), command
