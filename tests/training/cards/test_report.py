"""The documents hold every figure, the card says which targets were missed, and what is measured
once is kept."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from riskclf import evaluate
from riskclf.errors import InputError
from tests.training.cards.fakes import ADULT, BENIGN, MINOR, FakeModel, post
from training.cards import report
from training.cards.documents import DOCUMENTS, documents
from training.cards.figures import base_rates, described
from training.cards.measure import measure_examples, measure_pairs, measure_posts
from training.cards.summaries import summary_sections
from training.cards.tables import bulk_sections
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
EXPERIMENTS = {
    "cascade": {
        "natural lines": {"hits": 1, "of": 50, "value": 0.02, "low": 0.0, "high": 0.1},
    },
    "rungs": RUNGS,
    "nearest": [
        {"way": "10 nearest", **{x: RUNGS[0][x] for x in ("average_precision", "difference")}}
    ],
    "multitask": {
        "fold": "1",
        "rows": [
            {"learned": "label", "expert": "transformer", **RUNGS[0]} | {"expert": "neighbours"}
        ],
    },
}


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
            "shown": {"age": _share(19, 20)},
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
        "examples": measure_examples(model),
        "natural": {"heldout_ja_a.txt": shares, "heldout_ja_b.txt": deepcopy(shares)},
        "natural_languages": {"ja": deepcopy(shares)},
        "base_rates": base_rates(folds, {"x": rows}),
        "hour": {"our posts in Japanese lines": hour},
        "other_hand": deepcopy(folds)
        | {"ranked": {"TF-IDF": {"macro-F1": 0.8, "average precision": 0.9, "side": 0.95}}},
    }


def _sections(results: dict[str, Any], experiments: Any) -> dict[str, str]:
    return summary_sections(results) | bulk_sections(results, experiments, POSTS)


def _empty(path: Path) -> str:
    """A document as it is, with nothing in its sections."""
    return _emptied(path.read_text(encoding="utf-8"))


def _emptied(text: str) -> str:
    section = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->\n)", re.DOTALL)
    return section.sub(r"\1\3", text)


def _rows(section: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in section.splitlines()]


def test_every_section_is_filled_with_a_table(results: dict[str, Any]) -> None:
    sections = _sections(results, EXPERIMENTS)
    for name, text in sections.items():
        assert "Not measured yet" not in text and "nan" not in text and "None" not in text, name
        if name == "missed":
            continue
        rows = _rows(text)
        assert len(rows) > 2, name
        assert len({len(row) for row in rows[:1] + rows[2:]}) == 1, name
    folds = {row[0]: row[-1] for row in _rows(sections["folds_figures"])}
    assert folds["risky posts whose likelier side is the right one"].endswith("8 of 8")
    assert folds["calibration slope of the risk"].startswith("1.000")
    assert folds["macro-F1, ko"].startswith("1.000")
    assert _rows(sections["rungs"])[-1][:2] == ["all three", "0.950 (0.920–0.970)"]
    assert _rows(sections["rungs"])[-1][3] == "0.4 % (0.0–10.0)"
    nearest = ["10 nearest", "0.900 (0.870–0.920)", "-0.050 (-0.060–-0.040)"]
    assert nearest in _rows(sections["nearest"])
    assert _rows(sections["multitask"])[-1][:3] == ["label", "neighbours", "0.900 (0.870–0.920)"]
    shown = ["`age`: right where the decision is not `clear`", "95.00 % (0.00–100.00), 19 of 20"]
    assert shown in _rows(sections["aspects_figures"])
    counts = {row[0]: row for row in _rows(sections["counts"])}
    assert {"in none", "support", "aspects", "transfer"} <= set(counts)


def test_what_is_not_measured_yet_says_so(results: dict[str, Any]) -> None:
    left_out = ("other_hand", "aspects", "hour")
    without = {name: x for name, x in results.items() if name not in left_out}
    del without["folds"]
    sections = _sections(without, [])
    for name in (
        *EXPERIMENTS,
        "other_hand",
        "aspects_figures",
        "folds_slices",
        "targets",
        "missed",
    ):
        assert _rows(sections[name]) == [["Not measured yet."]]
    assert {row[1] for row in _rows(sections["summary"])[2:]} == {"Not measured yet."}
    figures = [row[-1] for row in _rows(sections["figures"])[2:]]
    assert figures == ["Not measured yet.", "0.00 % (0.00–100.00), 0 of 50", "Not measured yet."]
    only = {name: x for name, x in results.items() if name != "other_hand"}
    rows = {row[0]: row for row in _rows(_sections(only, [])["targets"])}
    assert rows["other hands: macro-F1"][2:] == ["Not measured yet.", "–"]
    assert rows["out of fold: macro-F1"][-1] == "yes"


def test_the_summary_shows_our_posts_and_those_by_other_hands(results: dict[str, Any]) -> None:
    changed = deepcopy(results)
    changed["other_hand"]["side"] = _share(6, 8)
    rows = {row[0]: row[1:] for row in _rows(_sections(changed, [])["summary"])}
    ours, theirs = rows["risky posts whose side is right"]
    assert ours.endswith("8 of 8") and theirs.endswith("6 of 8")


def test_the_readme_shows_the_riskiest_examples_first(results: dict[str, Any]) -> None:
    model: Any = FakeModel()
    found = measure_examples(model)
    assert {x["text"] for x in found} >= {"部活おわった〜 おなかすいた", "明天早上一起去图书馆吧"}
    risky = {"text": "a post", "label": MINOR, "decision": "flag", "risk": 0.9}
    shown = _sections({**results, "examples": [risky, *found]}, [])
    for name in ("examples", "examples_ja"):
        rows = _rows(shown[name])
        assert rows[2] == ["a post", f"`{MINOR}`", "`flag`", "0.900"]


def test_both_languages_have_the_same_figures(results: dict[str, Any]) -> None:
    sections = _sections(results, [])
    for line, ja in zip(
        _rows(sections["figures"])[2:], _rows(sections["figures_ja"])[2:], strict=True
    ):
        assert _numbers(line[-1]) == _numbers(ja[-1])


def _numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d[\d,.]*", text))


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
    first, _, *bullets = summary_sections(changed)["missed"].splitlines()
    assert first.startswith(f"{len(missed)} of the ")
    assert {line.removeprefix("- ").rsplit(": ", 1)[0] for line in bullets} == missed


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


def test_a_document_without_a_section_is_refused(results: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"MODEL_CARD\.md must have one section missed"):
        documents(results, EXPERIMENTS, POSTS, read=lambda path: "nothing here")


def test_the_command_writes_every_document_from_the_stored_figures(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "results.json"
    written: dict[Path, str] = {}
    stored.write_text(json.dumps(results), encoding="utf-8")
    monkeypatch.setattr(report, "RESULTS", stored)
    monkeypatch.setattr(report, "documents", partial(documents, read=_empty))
    monkeypatch.setattr(report, "write_text", written.__setitem__)
    report.main()
    assert set(written) == set(DOCUMENTS)
    for path, text in written.items():
        # All but the sections stays as it is.
        assert _emptied(text) == _empty(path)
        assert text != _empty(path)
    assert "out of fold: macro-F1" in written[DOCUMENTS[-1]]
    (tmp_path / "manifest.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"judged\.json is missing"):
        report.main(tmp_path, tmp_path)


def test_an_experiment_that_has_not_been_run_is_missing(tmp_path: Path) -> None:
    assert report.load_experiments(tmp_path) == {}
    (tmp_path / "rungs.json").write_text(json.dumps(RUNGS), encoding="utf-8")
    assert report.load_experiments(tmp_path) == {"rungs": RUNGS}
