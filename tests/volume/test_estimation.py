"""`estimate_volume`: months, what it refuses, and that nothing is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

import riskclf
from riskclf import Columns, VolumeEstimate, estimate_volume
from riskclf.errors import ColumnNotFound, EvaluationError, InputError, MissingExtra
from tests.volume.helpers import Row, labelled, scored, stream

MONTHS = {"2026-01": (400, 3600), "2026-02": (200, 3800)}


def _estimate(rows: Any = None, known: Any = None, **options: Any) -> VolumeEstimate:
    options = {"collected": "search for 12 words"} | options
    return estimate_volume(
        list(stream(MONTHS)) if rows is None else rows,
        labelled(200, 800) if known is None else known,
        **options,
    )


@pytest.mark.parametrize("method", ["acc", "pacc", "emq"])
def test_the_intervals_hold_the_truth_where_flagged_posts_do_not(method: str) -> None:
    found = _estimate(method=method)
    for month, (risky, _benign) in zip(found.months, MONTHS.values(), strict=True):
        assert month.risky.low is not None and month.risky.high is not None
        assert month.risky.low < risky < month.risky.high
        assert month.risky.high - month.risky.low < risky
        assert month.share.value == pytest.approx((month.risky.value or 0) / month.posts)
    assert found.months[0].flagged < 400
    change = found.compare("2026-01", "2026-02")
    assert change.fell > 0.99
    assert change.ratio.low is not None and change.ratio.high is not None
    assert change.ratio.low < 0.5 < change.ratio.high


def test_sides_add_up_and_hold_their_truth() -> None:
    january = _estimate().months[0]
    parts = [x.value or 0.0 for x in january.by_label.values()]
    assert sum(parts) == pytest.approx(january.risky.value)
    adult = january.by_label["adult_solicitation"]
    assert adult.low is not None and adult.high is not None
    assert adult.low < 100 < adult.high


def test_months_begin_in_the_stated_zone() -> None:
    rows = list(stream(MONTHS))
    late = {**scored(0.001), "posted_at": datetime(2026, 2, 28, 16, tzinfo=UTC)}
    without_zone = {**scored(0.001), "posted_at": "2026/2/28 16:00"}
    japan = _estimate([*rows, late, without_zone])
    assert [month.month for month in japan.months] == ["2026-01", "2026-02", "2026-03"]
    assert [month.posts for month in japan.months] == [4000, 4001, 1]
    assert [month.posts for month in _estimate([*rows, late], zone="UTC").months] == [4000, 4001]
    with pytest.raises(InputError, match="is no time zone"):
        _estimate(zone="Nowhere")


def test_posts_without_a_time_are_listed_and_empty_months_are_said() -> None:
    rows = list(stream({"2026-01": (100, 900), "2026-03": (100, 900)}))
    rows[3]["posted_at"], rows[5]["posted_at"], rows[7]["risk"] = None, "soon", "high"
    found = _estimate(rows)
    assert [(x.number, x.column) for x in found.rejects] == [
        (4, "posted_at"),
        (6, "posted_at"),
        (8, "risk"),
    ]
    assert sum(month.posts for month in found.months) + len(found.rejects) == len(rows)
    empty = found.months[1]
    assert (empty.month, empty.posts, empty.refused) == ("2026-02", 0, "no posts")
    assert empty.risky.value is None
    assert any("2026-02" in note and "no estimate of 0" in note for note in found.notes)
    with pytest.raises(InputError, match=r"2026-02 has no estimate \(no posts\)"):
        found.compare("2026-01", "2026-02")


def test_a_wrong_year_does_not_make_a_thousand_months() -> None:
    rows = [*stream(MONTHS), {**scored(0.1), "posted_at": "1026-01-01"}]
    with pytest.raises(InputError, match="reach from 1026-01 to 2026-02"):
        _estimate(rows)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (labelled(49, 800), "hold 49 risky posts, and 50 are needed"),
        (labelled(100, 199), "hold 199 posts that are not risky, and 200 are needed"),
        (
            [{**row, "family": f"f{n % 5}"} for n, row in enumerate(labelled(100, 300))],
            "hold 5 families of risky posts, and 20 are needed",
        ),
        (
            [{**row, "label": "benign" if n % 2 else "minor_solicitation"} for n, row in
             enumerate(labelled(400, 400))],
            "do not tell the labelled risky posts from the others",
        ),
        ([{"label": "benign"}], "hold no scores: score them first"),
        (
            [{name: x for name, x in row.items() if "adult" not in name}
             | {"riskclf_risk_labels": "minor_solicitation",
                "riskclf_score_minor_solicitation": row["riskclf_risk"]}
             for row in labelled(100, 300)],
            "score both with the same model",
        ),
    ],
)  # fmt: skip
def test_labelled_posts_that_do_not_suffice_are_refused(known: list[Row], message: str) -> None:
    known = [
        {**row, "label": row["label"].replace("adult", "minor")} if "same model" in message else row
        for row in known
    ]
    with pytest.raises(InputError, match=message):
        _estimate(known=known)


def test_scores_of_another_kind_are_refused_with_what_to_do() -> None:
    # Ordinary posts of the stream look half risky, as those that were labelled never do.
    other = list(stream(MONTHS))
    for row in other[:4000:2]:
        row |= scored(0.45)
    found = _estimate(other)
    assert [month.refused for month in found.months] == ["unlike", ""]
    assert any("No estimate for 2026-01" in x and "Label 500 posts" in x for x in found.notes)
    with pytest.raises(EvaluationError, match="label 500 posts drawn at random from this stream"):
        _estimate(other[:4000])


def test_words_of_another_kind_are_refused_with_what_to_do() -> None:
    words = ["図書館", "電車", "天気", "公園", "写真", "音楽", "朝ご飯", "駅前"]

    def texts(rows: list[Row], alphabet: list[str]) -> list[Row]:
        parts = len(alphabet)
        return [
            {**row, "text": f"{alphabet[n % parts]}と{alphabet[n // parts % parts]}"}
            for n, row in enumerate(rows)
        ]

    known = texts(labelled(200, 800), words)
    alike = _estimate(texts(list(stream(MONTHS)), words), known)
    assert alike.months[0].risky.value is not None
    without = _estimate(texts(list(stream(MONTHS)), words))
    assert any("do not both hold texts" in note for note in without.notes)
    other = texts(list(stream(MONTHS)), ["도서관에서", "고양이가", "점심은", "버스를", "내일은"])
    with pytest.raises(EvaluationError, match=r"words of the stream are unlike.*label 500 posts"):
        _estimate(other, known)


def test_it_must_be_said_how_the_stream_was_collected() -> None:
    with pytest.raises(InputError, match="say how the stream was collected"):
        _estimate(collected=" ")
    with pytest.raises(InputError, match="'guess' is no method"):
        _estimate(method="guess")
    with pytest.raises(ColumnNotFound, match="'posted_at'"):
        _estimate([scored(0.5)])
    with pytest.raises(InputError, match="holds no scores"):
        _estimate([{"posted_at": "2026-01-01"}])


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riskclf.volume.quantifiers.find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'riskclf\[volume\]'"):
        _estimate()


def test_unclear_posts_count_half_for_both_labels_or_are_left_out() -> None:
    known = labelled(200, 800)
    both = json.dumps({"minor_solicitation": 0.5, "adult_solicitation": 0.5})
    risky = [{**row, "label": both} if n % 2 else row for n, row in enumerate(known[:200])]
    found = _estimate(known=[*risky, *known[200:]])
    assert found.months[0].risky == _estimate(known=known).months[0].risky
    left_out = _estimate(known=[*known, {**known[0], "label": "unclear"}])
    assert left_out.months[0].risky == _estimate(known=known).months[0].risky
    assert any("1 labelled post is only 'unclear'" in note for note in left_out.notes)


def test_your_own_names_of_columns_and_labels_are_read() -> None:
    known = [
        {"gold": "bad" if row["label"] != "benign" else "good", "f": n % 30}
        | {name: value for name, value in row.items() if name != "label"}
        for n, row in enumerate(labelled(200, 800))
    ]
    rows = [{"when": row.pop("posted_at"), **row} for row in stream(MONTHS)]
    found = _estimate(
        rows,
        known,
        time_column="when",
        columns=Columns(label="gold", family="f"),
        label_map={"bad": "minor_solicitation", "good": "benign"},
    )
    assert found.months[0].risky.value == pytest.approx(400, rel=0.2)
    assert found.months[0].by_label == {}  # no post has the label adult_solicitation
    assert found.rates["risky"].families == 30


def test_every_format_says_how_the_stream_was_collected(tmp_path: Path) -> None:
    found = _estimate()
    change = found.compare("2026-01", "2026-02")
    for name in ("v.csv", "v.xlsx", "v.json"):
        found.save(tmp_path / name, change)
    assert "search for 12 words" in (tmp_path / "v.csv").read_text(encoding="utf-8")
    kept = json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))
    assert kept["collected"] == "search for 12 words"
    assert kept["months"][0]["risky"]["value"] == found.months[0].risky.value
    assert kept["change"]["fell"] == change.fell
    sheet = CalamineWorkbook.from_path(tmp_path / "v.xlsx").get_sheet_by_index(0)
    head, first, *_rest = sheet.to_python()
    row = dict(zip(head, first, strict=True))
    assert row["collected"] == "search for 12 words"
    assert row["risky"] == pytest.approx(found.months[0].risky.value)
    found.plot(tmp_path / "v.png")
    assert (tmp_path / "v.png").read_bytes().startswith(b"\x89PNG")


def test_ranges_are_compared_by_the_month_and_must_not_overlap() -> None:
    found = _estimate(list(stream({f"2026-{x:02d}": (300 - 50 * x, 2000) for x in range(1, 5)})))
    change = found.compare("2026-01..2026-02", "2026-03..2026-04")
    values = [month.risky.value or 0.0 for month in found.months]
    assert change.difference.value == pytest.approx((values[2] + values[3] - sum(values[:2])) / 2)
    for before, after, message in [
        ("2026-01", "2026-01..2026-02", "2026-01 is in both"),
        ("2026-01", "2027-01", "reaches from 2026-01 to 2026-04"),
        ("January", "2026-02", "'January' is no month"),
        ("2026-03..2026-01", "2026-04", "no month 2026-03..2026-01"),
    ]:
        with pytest.raises(InputError, match=message):
            found.compare(before, after)


def test_the_names_are_public() -> None:
    assert {"estimate_volume", "VolumeEstimate"} <= set(riskclf.__all__)
