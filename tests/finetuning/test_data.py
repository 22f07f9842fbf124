"""Posts to learn from: what is wrong with a row is said, and nothing counts twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from riskclf.errors import ColumnNotFound, EvaluationError, InputError
from riskclf.finetuning.base import Base
from riskclf.finetuning.data import (
    LabelledPosts,
    choose_labels,
    labels_in,
    read_labelled,
    read_raw,
)
from riskclf.tables import Columns

LABELS = ("storm", "rain", "sun")
RISKS = ("storm", "rain")


def _read(rows: Sequence[Mapping[str, Any]], **label_map: str) -> LabelledPosts:
    raw = read_raw(rows, Columns())
    return read_labelled(raw, LABELS, RISKS, Columns(), label_map)


def test_targets_are_taken_as_they_are() -> None:
    posts = _read(
        [
            {"text": "a storm from the sea", "label": "storm"},
            {"text": "clouds over the hills", "label": '{"rain": 0.5, "sun": 0.5}'},
            {"text": "who can tell", "label": "unclear"},
            {"text": "a bright morning", "label": "bright"},
        ],
        bright="sun",
    )
    assert posts.targets == [(1, 0, 0), (0, 0.5, 0.5), (0.25, 0.25, 0.5), (0, 0, 1)]


def test_a_row_that_cannot_be_used_is_rejected_and_the_others_are_kept() -> None:
    posts = _read(
        [
            {"text": "a storm from the sea", "label": "storm"},
            {"text": "", "label": "rain"},
            {"text": 7, "label": "rain"},
            {"text": "fog in the valley", "label": "fog"},
            {"text": "hail on the roof", "label": None},
        ]
    )
    assert posts.texts == ["a storm from the sea"]
    assert [(x.number, x.column) for x in posts.rejects] == [
        (2, "text"),
        (3, "text"),
        (4, "label"),
        (5, "label"),
    ]
    assert "fog" not in posts.rejects[2].reason


def test_the_same_text_counts_once_and_never_with_two_labels() -> None:
    posts = _read(
        [
            {"text": "Rain at noon", "label": "rain"},
            {"text": "ｒａｉｎ at  noon", "label": "rain"},
            {"text": "snow at night", "label": "sun"},
            {"text": "Snow at night", "label": "storm"},
        ]
    )
    assert posts.texts == ["Rain at noon"]
    assert (posts.duplicates, posts.contradictory) == (1, 2)
    assert ["row 4" in posts.rejects[0].reason, "row 3" in posts.rejects[1].reason] == [True] * 2


def test_a_family_and_what_is_nearly_the_same_stay_together() -> None:
    posts = _read(
        [
            {"text": "the rain came down on the market square", "label": "rain"},
            {"text": "the rain came down on the market square!!", "label": "rain", "family": "m"},
            {"text": "tea and toast", "label": "sun", "family": "m"},
            {"text": "an umbrella was found", "label": "sun"},
            {"text": "bright skies ahead", "label": "sun", "family": ""},
        ]
    )
    groups = posts.groups.tolist()
    assert groups[0] == groups[1] == groups[2]
    assert len({*groups[2:]}) == 3


def test_the_labels_of_a_table_are_those_that_it_names() -> None:
    rows = [
        {"text": "a", "label": "sun"},
        {"text": "b", "label": '{"rain": 0.5, "wet": 0.5, "fog": 0}'},
        {"text": "c", "label": "unclear"},
        {"text": "d", "label": ""},
    ]
    labels, _ = labels_in(read_raw(rows, Columns()), Columns(), {"wet": "rain"})
    assert labels == ("rain", "sun")
    with pytest.raises(InputError, match="1 different labels"):
        labels_in(read_raw(rows[:1], Columns()), Columns(), {})
    many = [{"text": "a", "label": f"post number {n}"} for n in range(60)]
    with pytest.raises(InputError, match="60 different labels") as error:
        labels_in(read_raw(many, Columns()), Columns(), {})
    assert "post number" not in str(error.value)


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="row 1"):
        _read([{"text": "fog in the valley", "label": "fog"}])
    with pytest.raises(ColumnNotFound, match="'label'"):
        _read([{"text": "fog in the valley"}])


# No message holds text of a post ------------------------------------------------------------------


def _refused(label_column: str, texts: Sequence[str], risk_label: str = "fog") -> str:
    """The message where labels are taken from the data and `risk_label` is not among them."""
    rows = [{"text": text, "body": text, "label": "sun"} for text in texts]
    columns = Columns(label=label_column)
    with pytest.raises(InputError) as error:
        choose_labels(Base(Path("base"), None), [risk_label], read_raw(rows, columns), columns, {})
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("column", ["text", "body"])
@pytest.mark.parametrize("count", [2, 9, 60])
def test_a_column_of_posts_taken_for_labels_is_never_listed(column: str, count: int) -> None:
    texts = [f"a short post {n}" for n in range(count)]
    message = _refused(column, texts)
    assert "short post" not in message
    assert not any("short post" in x for x in (_refused(column, ["a short post" * 30, "another"]),))


def test_a_label_map_that_leads_nowhere_lists_no_posts() -> None:
    rows = [{"text": f"post {n}", "label": f"a short post {n}"} for n in range(6)]
    raw = read_raw(rows, Columns())
    with pytest.raises(InputError, match="label map maps to 'rain'") as error:
        choose_labels(Base(Path("base"), None), [], raw, Columns(), {"wet": "rain"})
    assert "short post" not in str(error.value)


def test_the_text_column_is_refused_as_label_column() -> None:
    with pytest.raises(InputError, match="--label-column"):
        read_raw([{"text": "a", "label": "sun"}], Columns(label="text"))


def test_few_short_labels_are_listed() -> None:
    rows = [{"text": f"post {n}", "label": ("sun", "rain")[n % 2]} for n in range(6)]
    with pytest.raises(InputError, match=r"risk label 'fog'.*rain, sun"):
        choose_labels(Base(Path("base"), None), ["fog"], read_raw(rows, Columns()), Columns(), {})
