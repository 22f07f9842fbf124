"""The measured sections on changed posts and group terms, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from training.cards.markdown import NOT_MEASURED, percent, table

__all__ = ["behaviour_sections", "groups_named"]

_ALL = "all"

_SECTIONS = (
    "behaviour_targets",
    "disguises",
    "disguised_lines",
    "capabilities",
    "functionality",
    "groups",
    "groups_named",
)

_OFTEN = 2
"""A group is named whose rate of false positives is above so many times the overall one."""


def behaviour_sections(experiments: Mapping[str, Any]) -> dict[str, str]:
    """Name of a section to its text.

    Args:
        experiments: as for `training.cards.tables.bulk_sections`; `behaviour` counts.
    """
    found = experiments.get("behaviour")
    if found is None:
        return dict.fromkeys(_SECTIONS, NOT_MEASURED)
    return {
        "behaviour_targets": _targets(found),
        "disguises": _disguises(found["disguises"]),
        "disguised_lines": _lines(found["natural"]),
        "capabilities": _capabilities(found),
        "functionality": table(
            ("question and answer", "posts that have it, and are not given it"),
            ((f"`{name}`", percent(x)) for name, x in found["functionality"].items()),
        ),
        "groups": _groups(found["fairness"]),
        "groups_named": _named(found["fairness"]),
    }


def groups_named(fairness: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Groups with more than twice the overall rate of false positives: where, and which."""
    return [
        (kind, group)
        for kind in ("written", "natural")
        for group, x in fairness[kind].items()
        if x["value"] > _OFTEN * fairness[kind][_ALL]["value"]
    ]


def _targets(found: Mapping[str, Any]) -> str:
    disguises, natural = found["disguises"], found["natural"]
    side = disguises["side"]
    plain = natural["flag"]["as they are"]
    single, pairs = (
        natural["flag"][x] for x in ("one disguise, every word", "two disguises, half of the words")
    )
    reach = f"{disguises['singles_that_reach']} of {disguises['singles']}"
    rows = [
        _row("one disguise, every word: still shown", 0.95, disguises["every_word"][_ALL]),
        _row("one disguise, half of the words: still shown", 0.95, disguises["some_words"][_ALL]),
        (
            "single disguises, every word, under which ≥ 95 % are still shown",
            "all",
            reach,
            _yes(disguises["singles_that_reach"] == disguises["singles"]),
        ),
        _row("two disguises, half of the words: still shown", 0.9, disguises["pairs"][_ALL]),
        _row("one disguise, every word: the same side", 0.97, side["every_word"]),
        _row("one disguise, half of the words: the same side", 0.97, side["some_words"]),
        _row("two disguises, half of the words: the same side", 0.97, side["pairs"]),
        (
            "natural lines that are flagged, in disguise",
            f"≤ {100 * plain['value']:.2f} %, as without",
            f"{percent(single)}; two: {percent(pairs)}",
            _yes(max(single["value"], pairs["value"]) <= plain["value"]),
        ),
        *(
            _row(f"{name} failures", -most, found[name][_ALL])
            for name, most in (("invariance", 0.03), ("direction", 0.08))
        ),
    ]
    return table(("what", "target", "measured (95 % interval)", "reached"), rows)


def _row(what: str, aim: float, share: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """A share that is to be at least `aim`, or at most ``-aim`` where that is negative."""
    if aim < 0:
        return what, f"≤ {-aim:g}", percent(share), _yes(share["value"] <= -aim)
    return what, f"≥ {aim:g}", percent(share), _yes(share["value"] >= aim)


def _yes(reached: bool) -> str:
    return "yes" if reached else "**no**"


def _disguises(found: Mapping[str, Any]) -> str:
    head = (
        "group (how many disguises)",
        "still shown, every word",
        "still shown, half of the words",
        "still shown, in pairs with others",
        "`disguised` is said, every word",
    )
    members = found["members"]
    counts = members | {_ALL: sum(members.values())}
    rows = (
        (
            f"{group} ({count})",
            *(_part(found[x], group) for x in ("every_word", "some_words", "pairs", "code")),
        )
        for group, count in counts.items()
    )
    return table(head, rows)


def _part(shares: Mapping[str, Any], name: str) -> str:
    return percent(shares[name]) if name in shares else "–"


def _lines(natural: Mapping[str, Any]) -> str:
    return table(
        ("natural lines", "flag", "flag or review"),
        (
            (name, percent(natural["flag"][name]), percent(x))
            for name, x in natural["flag_or_review"].items()
        ),
    )


def _capabilities(found: Mapping[str, Any]) -> str:
    invariance, direction, left = (found[x] for x in ("invariance", "direction", "left"))
    head = ("test", "capability", "failures", "still shown")
    return table(
        head,
        [
            *(("invariance", name, percent(x), "–") for name, x in _last_all(invariance)),
            *(
                ("direction", name, percent(x), percent(left[name]))
                for name, x in _last_all(direction)
            ),
        ],
    )


def _groups(fairness: Mapping[str, Any]) -> str:
    names = [name for name, _ in _last_all(fairness["written"])]
    return table(
        (
            "group",
            "harmless sentences, flag or review",
            "natural lines with a term, flag or review",
        ),
        ((x, *(_part(fairness[kind], x) for kind in ("written", "natural"))) for x in names),
    )


def _named(fairness: Mapping[str, Any]) -> str:
    """The line of the model card."""
    words = {"written": "harmless sentences of ours", "natural": "held-out lines"}
    named = [
        f"{group}, in {words[kind]}: {percent(fairness[kind][group])}, overall "
        f"{percent(fairness[kind][_ALL])}"
        for kind, group in groups_named(fairness)
    ]
    if not named:
        return "No group of terms has more than twice the overall rate of flag or review.\n"
    return f"Groups of terms with more than twice the overall rate: {'; '.join(named)}.\n"


def _last_all(shares: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """In their order, all of them together last."""
    return sorted(shares.items(), key=lambda x: x[0] == _ALL)
