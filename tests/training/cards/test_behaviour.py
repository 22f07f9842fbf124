"""The measured sections on changed posts and group terms."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from training.cards.behaviour import behaviour_sections, groups_named
from training.cards.markdown import NOT_MEASURED


def _share(hits: int, of: int) -> dict[str, Any]:
    return {"hits": hits, "of": of, "value": hits / of, "low": 0.0, "high": 1.0}


@pytest.fixture
def found() -> dict[str, Any]:
    """Made up: every figure reaches its target, and no group is named."""
    shown = {"all": _share(98, 100), "width": _share(98, 100)}
    natural = {
        "as they are": _share(0, 50),
        "one disguise, every word": _share(0, 900),
        "two disguises, half of the words": _share(0, 400),
    }
    edits = {"all": _share(1, 100), "places": _share(1, 100)}
    rates = {"all": _share(10, 1000), "gender": _share(8, 400), "region": _share(2, 600)}
    return {
        "disguises": {
            **dict.fromkeys(("every_word", "some_words", "pairs", "code"), shown),
            "side": dict.fromkeys(("every_word", "some_words", "pairs"), _share(99, 100)),
            "members": {"width": 2},
            "singles": 2,
            "singles_that_reach": 2,
        },
        "invariance": edits,
        "direction": edits,
        "left": edits,
        "functionality": {"age: adult": _share(3, 9)},
        "natural": {"flag": natural, "flag_or_review": natural},
        "fairness": {"written": rates, "natural": deepcopy(rates)},
    }


def _rows(section: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in section.splitlines()]


def test_every_figure_is_told(found: dict[str, Any]) -> None:
    sections = behaviour_sections({"behaviour": found})
    assert {row[-1] for row in _rows(sections["behaviour_targets"])[2:]} == {"yes"}
    rows = _rows(sections["disguises"])
    assert [row[0] for row in rows[2:]] == ["width (2)", "all (2)"]
    assert rows[2][1] == "98.00 % (0.00–100.00), 98 of 100"
    assert [row[0] for row in _rows(sections["disguised_lines"])[2:]] == [*found["natural"]["flag"]]
    assert [row[:2] for row in _rows(sections["capabilities"])[2:]] == [
        [test, name] for test in ("invariance", "direction") for name in ("places", "all")
    ]
    assert _rows(sections["functionality"])[2][0] == "`age: adult`"
    assert [row[0] for row in _rows(sections["groups"])[2:]] == ["gender", "region", "all"]
    assert sections["groups_named"].startswith("No group ")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("disguises", "every_word", "all"), 0.94),
        (("disguises", "pairs", "all"), 0.89),
        (("disguises", "side", "pairs"), 0.96),
        (("disguises", "singles_that_reach"), 1),
        (("natural", "flag", "one disguise, every word"), 0.001),
        (("invariance", "all"), 0.04),
        (("direction", "all"), 0.09),
    ],
)
def test_a_target_that_is_missed_says_so(
    found: dict[str, Any], path: tuple[str, ...], value: float
) -> None:
    changed = deepcopy(found)
    # One figure of its own, for the made-up ones are shared.
    part: Any = changed
    for name in path[:-1]:
        part[name] = deepcopy(part[name])
        part = part[name]
    if isinstance(part[path[-1]], dict):
        part[path[-1]] = part[path[-1]] | {"value": value}
    else:
        part[path[-1]] = value
    reached = [
        row[-1]
        for row in _rows(behaviour_sections({"behaviour": changed})["behaviour_targets"])[2:]
    ]
    assert reached.count("**no**") == 1


def test_a_group_above_twice_the_overall_rate_is_named(found: dict[str, Any]) -> None:
    assert groups_named(found["fairness"]) == []
    found["fairness"]["natural"]["gender"] = _share(9, 400)
    assert groups_named(found["fairness"]) == [("natural", "gender")]
    line = behaviour_sections({"behaviour": found})["groups_named"]
    assert "gender, in held-out lines: 2.25 %" in line and "overall 1.00 %" in line


def test_what_was_not_measured_is_not_told() -> None:
    assert set(behaviour_sections({}).values()) == {NOT_MEASURED}
