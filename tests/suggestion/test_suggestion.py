"""What `suggest` reads, returns and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskclf import cli
from riskclf.classifier import RiskClassifier
from riskclf.errors import ColumnNotFound, InputError
from riskclf.evaluation.evaluation import evaluate
from riskclf.suggestion import suggest
from riskclf.tables import Columns
from tests.conftest import LABELS
from tests.suggestion.helpers import (
    chosen,
    listing,
    made_up,
    read_csv,
    rows,
    with_others,
    write_csv,
)


def test_rows_keep_their_columns_and_get_those_of_predict_and_an_empty_label(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    posts = write_csv(tmp_path / "posts.csv", made_up(10))
    result = suggest(posts, model=classifier, n=10)
    result.save(tmp_path / "out.csv", with_scores=True)
    found = {row["id"]: row for row in read_csv(tmp_path / "out.csv")}
    assert cli.main(["predict", "--help"]) == 0
    arguments = ["--model", str(classifier.info()["model"]), "--device", "cpu"]
    scored = tmp_path / "scored.csv"
    assert cli.main(["predict", "--input", str(posts), "--output", str(scored), *arguments]) == 0
    for row in read_csv(scored):
        other = found[row["id"]]
        assert other["text"] == row["text"]
        assert other["label"] == ""
        for name in set(row) - {"id", "text"}:
            if name in ("label", "decision", "truncated", "reasons", "risk_labels"):
                assert other[f"riskclf_{name}"] == row[name]
            else:
                assert float(other[f"riskclf_{name}"]) == pytest.approx(float(row[name]), abs=1e-4)
    ours = [x.removeprefix("riskclf_") for x in list(found["0"])[3:-1]]
    assert ours == list(row)[2:]
    assert list(tmp_path.glob("*.partial")) == []


def test_a_filled_in_file_goes_through_evaluate(classifier: RiskClassifier, tmp_path: Path) -> None:
    result = suggest(rows(made_up(40)), model=classifier, n=20)
    for row in result.rows:
        assert isinstance(row, dict)
        row["label"] = LABELS[len(row["text"]) % 3]
    result.save(tmp_path / "labelled.jsonl")
    measured = evaluate(tmp_path / "labelled.jsonl", key=tmp_path / "labelled.key.jsonl")
    assert measured.figures.counts.rows == 20
    assert not measured.rejects


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_every_format_comes_out(classifier: RiskClassifier, tmp_path: Path, suffix: str) -> None:
    result = suggest(rows(made_up(10)), model=classifier, n=5)
    path = tmp_path / f"out.{suffix}"
    result.save(path, with_scores=True)
    again = suggest(path, model=classifier, n=5)
    assert set(chosen(again)) == set(chosen(result))
    # The prediction of the first time is kept, and the new one stands beside it.
    assert {"riskclf_label", "riskclf_riskclf_label"} <= set(again.rows[0])


def test_a_parquet_file_keeps_its_types_and_a_label_column_of_its_own(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    texts = made_up(6)
    table = pa.table({"number": range(6), "text": texts, "label": ["benign", *[None] * 5]})
    pq.write_table(table, tmp_path / "posts.parquet")
    suggest(tmp_path / "posts.parquet", model=classifier, n=6).save(
        tmp_path / "out.parquet", with_scores=True
    )
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.schema.field("number").type == pa.int64()
    assert found.schema.field("riskclf_risk").type == pa.float64()
    labels = dict(zip(found["number"].to_pylist(), found["label"].to_pylist(), strict=True))
    assert labels == {0: "benign", **dict.fromkeys(range(1, 6))}


def test_bad_rows_are_rejected_with_their_reason(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    lines = [json.dumps({"text": text}) for text in made_up(3)]
    lines[1:1] = ["{", '{"text": 3}', '{"other": "x", "text": null}']
    (tmp_path / "posts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = suggest(tmp_path / "posts.jsonl", model=classifier)
    assert [(x.number, x.column) for x in result.rejects] == [(2, None), (3, "text"), (4, "text")]
    assert "not valid JSON" in result.rejects[0].reason
    assert len(result.rows) == 3
    in_memory = suggest([*rows(made_up(3)), {"text": 3}, {}], model=classifier)
    assert [(x.number, x.reason) for x in in_memory.rejects] == [
        (4, "it is a number, not text"),
        (5, "it is missing"),
    ]


def test_what_cannot_be_used_is_an_error(classifier: RiskClassifier, tmp_path: Path) -> None:
    posts = rows(made_up(3))
    with pytest.raises(InputError, match="1 post or more"):
        suggest(posts, model=classifier, n=0)
    with pytest.raises(InputError, match="give both"):
        suggest(posts, model=classifier, terms=True)
    with pytest.raises(InputError, match="give both"):
        suggest(posts, model=classifier, reference=posts)
    with pytest.raises(InputError, match="read twice"):
        suggest(iter(posts), model=classifier, terms=True, reference=posts)
    with pytest.raises(ColumnNotFound, match="body"):
        suggest(posts, model=classifier, columns=Columns(text="body"))
    with pytest.raises(InputError, match="no rows"):
        suggest([], model=classifier)
    with pytest.raises(InputError, match="none of the 2 rows can be used; row 1, column text"):
        suggest([{"text": None}, {"text": 1}], model=classifier)
    with pytest.raises(InputError, match="does not exist"):
        suggest(posts, model=classifier, labelled=tmp_path / "none.csv")
    scored = [{**x, "label": "benign", "decision": "clear", "risk": 0.1} for x in posts]
    with pytest.raises(InputError, match="'label' is a prediction"):
        suggest(scored, model=classifier)


def test_nothing_half_written_is_left(
    classifier: RiskClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = suggest(rows(made_up(4)), model=classifier)
    (tmp_path / "out.csv").write_text("older", encoding="utf-8")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("riskclf.tables.writing.TableWriter.commit", stop)
    with pytest.raises(KeyboardInterrupt):
        result.save(tmp_path / "out.csv")
    assert listing(tmp_path) == ["out.csv"]
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "older"


def test_progress_is_told(classifier: RiskClassifier) -> None:
    told: list[tuple[str, int, int | None]] = []
    suggest(rows(made_up(80)), model=classifier, n=5, progress=lambda *place: told.append(place))
    assert told[0] == ("scoring posts", 1, 80)
    assert told[-1][1] == told[-1][2]


def test_terms_come_with_the_suggestions_and_are_written_if_asked(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    posts = [*made_up(100), *with_others("水色の風船を見た", 12)]
    reference = write_csv(tmp_path / "older.csv", made_up(100, seed=7))
    with reference.open("a", encoding="utf-8") as file:
        file.write("bad\n")
    result = suggest(rows(posts), model=classifier, n=5, terms=True, reference=reference)
    assert "風船" in {x.term for x in result.terms}
    assert result.notes == [
        f"{reference}: 1 row was left out; row 102: it has 1 fields and the header has 2"
    ]
    result.save_terms(tmp_path / "terms.csv")
    found = {row["term"]: row for row in read_csv(tmp_path / "terms.csv")}["風船"]
    assert (found["posts"], found["of"], found["ratio"]) == ("12", "112", "")
