"""Reasons of rejected rows are Japanese in a Japanese report, whatever is wrong with a row."""

from __future__ import annotations

import json
import re
from pathlib import Path

from riskclf.evaluation.reasons import reason_in_words
from riskclf.language import speaking
from tests.evaluation.helpers import measure, rows_of


def test_every_kind_of_bad_row_has_its_reason_in_japanese(tmp_path: Path) -> None:
    good = rows_of(20)
    bad = [
        b"{",
        b"[1]",
        b'"\xff"',
        json.dumps(good[0] | {"text": 3}).encode(),
        json.dumps(good[0] | {"text": None}).encode(),
        json.dumps(good[0] | {"label": "other"}).encode(),
        json.dumps(good[0] | {"label": {"benign": 0.5}}).encode(),
        json.dumps(good[0] | {"label": {"other": 1}}).encode(),
        json.dumps(good[0] | {"label": "{"}).encode(),
        json.dumps(good[0] | {"added": 1}).encode(),
    ]
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join([*(json.dumps(row).encode() for row in good), *bad]))
    result = measure(path, lang="ja")
    reasons = result.figures.data.reasons
    assert sum(reasons.values()) == len(result.rejects) >= 9
    assert len(reasons) == len({reject.reason for reject in result.rejects})
    assert [x for x in reasons if not re.search("[ぁ-ん]", x)] == []


def test_values_are_kept_and_an_unknown_reason_stays_as_it_is() -> None:
    reason = "it has 3 fields and the header has 4"
    assert reason_in_words(reason) == reason
    with speaking("ja"):
        assert re.findall(r"\d", reason_in_words(reason)) == ["3", "4"]
        assert "{odd} 'name'" in reason_in_words(
            "it has a column '{odd} 'name'', which the first row does not have"
        )
        assert reason_in_words("it is something new") == "it is something new"
