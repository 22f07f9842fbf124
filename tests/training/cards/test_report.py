"""The card holds every figure, says which targets were missed, and keeps what is measured once."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from riskclf import evaluate
from riskclf.errors import InputError
from tests.training.cards.fakes import ADULT, BENIGN, MINOR, FakeModel, post
from training.cards import report
from training.cards.figures import base_rates, described
from training.cards.measure import measure_pairs, measure_posts
from training.cards.tables import _sections, card_with
from training.cards.targets import targets_table
from training.posts.post import load_posts

POSTS = load_posts()
RUNGS = [
    {
        "experts": name,
        "average_precision": {"value": ap, "low": ap - 0.03, "high": ap + 0.02},
        "difference": {"value": ap - 0.95, "low": ap - 0.96, "high": ap - 0.94},
        "natural": {"value": natural, "low": 0.0, "high": 0.1},
        "side": {"value": 0.9, "low": 0.85, "high": 0.95},
    }
    for name, ap, natural in (("transformer", 0.9, 0.05), ("all three", 0.95, 0.004))
]


def _share(hits: int, of: int) -> dict[str, Any]:
    return {"hits": hits, "of": of, "value": hits / of, "low": 0.0, "high": 1.0}


def _estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """Made up: every figure reaches its target."""
    model: Any = FakeModel()
    posts = [
        *(post(f"{MINOR} {n}", MINOR, f"a{n}") for n in range(4)),
        *(post(f"{ADULT} {n}", ADULT, f"b{n}", lang="ko") for n in range(4)),
        *(post(f"fine {n}", BENIGN, f"c{n}") for n in range(8)),
        post(f"{MINOR} soft", BENIGN, "d", target={MINOR: 0.5, BENIGN: 0.5}),
    ]
    rows = evaluate([{"text": "fine", "label": "benign"}] * 50, model=model).rows
    folds = measure_posts(model, posts)
    folds["calibration"]["slope"] = _estimate(1.0)
    folds["calibration_weighted"] = folds["calibration"]
    shares = {"risk_label": _share(0, 50), "flag": _share(0, 50), "flag_or_review": _share(0, 50)}
    hour = {"mean": 9.8, "low": 9.0, "high": 10.0}
    return {
        "model": {"parameters of the transformer": "1"},
        "folds": folds,
        "aspects": {
            **{name: _estimate(0.9) for name in ("age", "side", "act", "matter: work")},
            "support": {"posts that seek help": _share(9, 10)},
        },
        "few": {"ko": _estimate(0.81), "zh": _estimate(0.85)},
        "transfer": described(evaluate([{"text": "x", "label": MINOR}], model=model).rows),
        "gate": deepcopy(folds),
        "baselines": [["keywords", "20 a label", "0.4", "0.3"]],
        "against": {
            "name": "TF-IDF, C = 10",
            "macro_f1": _estimate(0.7),
            "average_precision": _estimate(0.8),
            "difference": _estimate(0.2),
        },
        "buried": {"0": {"found": _share(3, 4), "alone": {"of": 0}}},
        "pairs": measure_pairs(model),
        "natural": {"heldout_ja_a.txt": shares, "heldout_ja_b.txt": deepcopy(shares)},
        "natural_languages": {"ja": deepcopy(shares)},
        "base_rates": base_rates(folds, {"x": rows}),
        "hour": {"our posts in Japanese lines": hour},
        "other_hand": deepcopy(folds)
        | {"ranked": {"TF-IDF": {"macro-F1": 0.8, "average precision": 0.9, "side": 0.95}}},
    }


@pytest.fixture(scope="module")
def empty(results: dict[str, Any]) -> str:
    """A card with every section, and nothing in them."""
    names = _sections(results, RUNGS, POSTS)
    return "# Card\n" + "".join(f"\n<!-- {x} -->\n<!-- /{x} -->\n" for x in names)


def _section(card: str, name: str) -> list[list[str]]:
    text = card.split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0]
    return [line.strip("| ").split(" | ") for line in text.splitlines()]


def test_every_section_is_filled_with_a_table(results: dict[str, Any], empty: str) -> None:
    card = card_with(empty, results, RUNGS, POSTS)
    assert "Not measured yet" not in card and "nan" not in card and "None" not in card
    for name in _sections(results, RUNGS, POSTS):
        rows = _section(card, name)
        assert len(rows) > 2, name
        assert len({len(row) for row in rows[:1] + rows[2:]}) == 1, name
    assert card_with(card, results, RUNGS, POSTS) == card
    folds = {row[0]: row[-1] for row in _section(card, "folds_figures")}
    assert folds["risky posts whose likelier side is the right one"].endswith("8 of 8")
    assert folds["calibration slope of the risk"].startswith("1.000")
    assert folds["macro-F1, ko"].startswith("1.000")
    assert _section(card, "rungs")[-1][:2] == ["all three", "0.950 (0.920–0.970)"]
    assert _section(card, "rungs")[-1][3] == "0.4 % (0.0–10.0)"
    counts = {row[0]: row for row in _section(card, "counts")}
    assert {"in none", "support", "aspects", "transfer"} <= set(counts)


def test_what_is_not_measured_yet_says_so(results: dict[str, Any], empty: str) -> None:
    left_out = ("other_hand", "aspects")
    without = {name: x for name, x in results.items() if name not in left_out}
    card = card_with(empty, without, [], POSTS)
    for name in ("rungs", "other_hand", "aspects_figures"):
        assert _section(card, name) == [["Not measured yet."]]
    rows = {row[0]: row for row in _section(card, "targets")}
    assert rows["other hands: macro-F1"][2:] == ["Not measured yet.", "–"]
    assert rows["out of fold: macro-F1"][-1] == "yes"


def _reached(results: dict[str, Any]) -> dict[str, bool]:
    rows = [line.strip("| ").split(" | ") for line in targets_table(results).splitlines()[2:]]
    return {row[0]: row[-1] == "yes" for row in rows}


def test_the_card_says_which_targets_were_missed_and_by_which_file(results: dict[str, Any]) -> None:
    assert all(_reached(results).values())
    changed = deepcopy(results)
    changed["folds"]["macro"]["f1"]["value"] = 0.899
    changed["aspects"]["act"]["value"] = 0.85
    changed["aspects"]["age"]["value"] = 0.849
    changed["folds"]["calibration"]["slope"]["value"] = 1.26
    changed["few"]["ko"]["value"] = 0.79
    changed["natural"]["heldout_ja_b.txt"]["flag_or_review"]["value"] = 0.016
    changed["natural_languages"]["ja"]["flag"]["value"] = 0.0011
    changed["hour"]["our posts in Japanese lines"]["mean"] = 9.4
    missed = {what for what, yes in _reached(changed).items() if not yes}
    assert missed == {
        "out of fold: macro-F1",
        "out of fold: macro-F1 of `age`",
        "out of fold: calibration slope",
        "ko: macro-F1, out of fold and `transfer` together",
        "natural lines, ja: flag",
        "natural lines, flag or review: the worst file, heldout_ja_b.txt",
        "among the 20 riskiest, our posts in Japanese lines",
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("macro", "f1"), 0.91),
        (("average_precision",), 0.96),
        (("operating_points", "flag_or_review", "recall_of", MINOR), 0.94),
        (("operating_points", "flag", "recall"), 0.59),
        (("operating_points", "flag", "precision"), 0.94),
        (("side",), 0.96),
        (("operating_points", "flag", "false_positive_rate"), 0.03),
        (("operating_points", "flag_or_review", "false_positive_rate"), 0.13),
        (("unclear", "all", "flag_or_review"), 0.74),
        (("side",), None),
    ],
)
def test_each_target_of_the_other_hands_can_be_missed(
    results: dict[str, Any], path: tuple[str, ...], value: float | None
) -> None:
    changed = deepcopy(results)
    part = changed["other_hand"] = deepcopy(results["other_hand"])
    for name in path:
        part = part[name]
    part["value"] = value
    if value is None:
        part["of"] = 0
    missed = [what for what, yes in _reached(changed).items() if not yes]
    assert len(missed) == 1 and missed[0].startswith("other hands: ")


def test_figures_by_other_hands_stay_with_the_model_that_they_are_of() -> None:
    old = {"model": {"sha": "1"}, "other_hand": {"figures": 1}, "folds": {}}
    assert report.kept(old, {"model": {"sha": "1"}, "folds": {"new": 1}}) == {
        "model": {"sha": "1"},
        "folds": {"new": 1},
        "other_hand": {"figures": 1},
    }
    assert "other_hand" not in report.kept(old, {"model": {"sha": "2"}})


def test_a_card_without_a_section_is_refused(results: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="section model"):
        card_with("nothing here", results, RUNGS, POSTS)


def test_the_command_writes_the_card_from_the_stored_figures(
    results: dict[str, Any], empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, stored = tmp_path / "card.md", tmp_path / "results.json"
    card.write_text(empty, encoding="utf-8")
    stored.write_text(json.dumps(results), encoding="utf-8")
    monkeypatch.setattr(report, "CARD", card)
    monkeypatch.setattr(report, "RESULTS", stored)
    before = stored.read_text(encoding="utf-8")
    report.main()
    assert stored.read_text(encoding="utf-8") == before
    assert "out of fold: macro-F1" in card.read_text(encoding="utf-8")
    (tmp_path / "manifest.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"judged\.json is missing"):
        report.main(tmp_path, tmp_path)


def test_rungs_that_are_not_there_are_none(tmp_path: Path) -> None:
    assert report.load_rungs(tmp_path / "rungs.json") == []
    (tmp_path / "rungs.json").write_text(json.dumps(RUNGS), encoding="utf-8")
    assert report.load_rungs(tmp_path / "rungs.json") == RUNGS
