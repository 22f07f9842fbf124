"""`riskclf.evaluate` as a whole: what it needs, refuses and says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from riskclf import RiskClassifier, evaluate
from riskclf.errors import InputError, RiskclfError
from riskclf.labels import DECISIONS
from riskclf.tables import Columns
from tests.evaluation.helpers import (
    BENIGN,
    LABELS,
    MINOR,
    measure,
    rows_of,
    scored,
)


def test_one_class_only_is_measured_as_far_as_it_goes(tmp_path: Path) -> None:
    rows = rows_of(60, minor_solicitation=0.0, adult_solicitation=0.0, benign=1.0)
    result = measure(rows, prevalence=0.001)
    found = result.figures.to_dict()
    assert found["operating_points"]["flag"]["false_positive_rate"]["of"] == 60
    assert found["operating_points"]["flag"]["recall"]["value"] is None
    assert found["areas"]["risk"] == {"pr": None, "roc": None}
    assert any("no risky posts" in note for note in found["notes"])
    assert any(f"No post has the label {MINOR}" in note for note in found["notes"])
    result.save(tmp_path)
    assert "no posts" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_only_unclear_posts_are_measured_as_far_as_they_go(tmp_path: Path) -> None:
    result = measure([row | {"label": "unclear"} for row in rows_of(30)], prevalence=0.01)
    assert result.figures.to_dict()["unclear"]["all"]["flag"]["of"] == 30
    assert result.figures.to_dict()["accuracy"]["value"] is None
    result.save(tmp_path)
    assert (tmp_path / "report.html").exists()


def test_ids_that_occur_twice_are_counted_in_a_note() -> None:
    rows = rows_of(20)
    rows[3]["id"] = rows[4]["id"] = rows[5]["id"]
    found = measure(rows).figures.to_dict()
    assert found["counts"]["rows"] == 20
    assert any(note.startswith("2 rows repeat the id") for note in found["notes"])


def test_a_real_model_is_scored_through_its_stream(
    classifier: RiskClassifier, sentences: tuple[str, ...]
) -> None:
    rows = [{"text": text, "label": BENIGN} for text in sentences]
    found = evaluate(rows, model=classifier)
    expected = classifier.predict_many(sentences)
    assert found.rows.risk.tolist() == [x.risk for x in expected]
    assert [DECISIONS[x] for x in found.rows.decision] == [x.decision for x in expected]
    assert [LABELS[x] for x in found.rows.predicted] == [x.label for x in expected]
    assert found.figures.to_dict()["model"]["fingerprint"] == classifier.fingerprint
    by_path = evaluate(rows, model=classifier.info()["model"], device="cpu", batch_size=8)
    assert by_path.figures.to_dict() == found.figures.to_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prevalence": 0}, "the prevalence 0 must lie between 0 and 1"),
        ({"prevalence": 1.5}, "must lie between"),
        ({"min_recall": 90}, "the recall 90 must lie between"),
        ({"min_precision": 1}, "the precision 1 must lie between"),
        ({"capacity": "20/hour"}, "a capacity needs the volume"),
    ],
)
def test_options_without_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure(rows_of(50), **options)


def test_rows_in_another_encoding_cast_doubt_on_the_rest(tmp_path: Path) -> None:
    lines = (f"{row['text']},{row['label']},晴れ\n" for row in rows_of(12))
    rows = "text,label,note\n" + "".join(lines)
    path = tmp_path / "a.csv"
    path.write_bytes(rows.encode("utf-8") + "今日は雨,benign,\n".encode("shift_jis"))
    found = measure(path).figures.to_dict()
    assert found["data"]["rejected"] == 1
    assert any("Shift_JIS" in note for note in found["notes"])
    path.write_text(rows, encoding="utf-8")
    assert not any("Shift_JIS" in note for note in measure(path).figures.to_dict()["notes"])


def test_empty_posts_are_counted_and_said() -> None:
    rows = list(scored(rows_of(24)))
    rows[0]["text"], rows[1]["text"] = "", "  "
    result = evaluate(rows)
    assert result.figures.to_dict()["counts"]["rows"] == 24
    assert any(note.startswith("2 posts are empty") for note in result.figures.to_dict()["notes"])


def test_public_names_are_loaded_on_use_only() -> None:
    code = (
        "import sys, riskclf.evaluation as room\n"
        "assert set(room.__all__) <= set(dir(room))\n"
        "print([x for x in ('numpy', 'sklearn', 'scipy', 'torch') if x in sys.modules])\n"
        "room.evaluate, room.Evaluation, room.Figures\n"
        "print([x for x in ('matplotlib', 'torch', 'jinja2') if x in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def test_notes_and_errors_hold_no_text_of_a_post() -> None:
    secret = "nobody may read this"
    rows = [row | {"extra": secret} for row in rows_of(30)]
    rows[3]["label"] = secret
    rows[4]["text"] = {secret: 1}
    result = measure(rows, prevalence=0.01)
    assert len(result.rejects) == 2
    assert secret not in json.dumps(result.figures.to_dict()) + str(result.rejects) + repr(result)
    for columns in (Columns(label="extra"), Columns(label="gone"), Columns(slice="text")):
        with pytest.raises(RiskclfError) as caught:
            measure(rows, columns=columns)
        assert secret not in str(caught.value)
