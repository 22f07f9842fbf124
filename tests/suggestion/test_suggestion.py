"""Which posts `suggest` chooses, what it writes, and which terms it calls risen."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import riskclf
from riskclf import cli
from riskclf.artifact import Artifact
from riskclf.classifier import RiskClassifier
from riskclf.errors import ColumnNotFound, InputError
from riskclf.evaluation.evaluation import evaluate
from riskclf.suggestion import emerging as terms
from riskclf.suggestion import suggestion
from riskclf.suggestion.emerging import Term
from riskclf.suggestion.suggestion import Suggestions, suggest
from riskclf.tables.duplicates import near_duplicate_groups
from tests.conftest import LABELS, MakeModel
from tests.models import torch_model

NEUTRAL = """
図書館 電車 天気 動物園 試合 文化祭 自転車 コーヒー パン屋 カレー サッカー リモコン 公園 新聞
海 山 川 雨 雪 花 駅 橋 傘 本 猫 犬 鳥 机 椅子 時計 窓 庭 朝 夜 春 夏 秋 冬 りんご みかん お茶
スープ 写真 絵 音楽 映画 bread library train window garden morning 도서관 고양이 버스 天空 晚饭
"""
WORDS = NEUTRAL.split()


def made_up(count: int, seed: int = 0) -> list[str]:
    """Posts that are no near-duplicates of each other."""
    draw = random.Random(seed)
    return [" ".join(draw.sample(WORDS, 6)) for _ in range(count)]


def rows(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [{"id": str(number), "text": text} for number, text in enumerate(texts)]


def chosen(result: Suggestions) -> list[str]:
    return [row["text"] for row in result.rows]


def at_random(result: Suggestions) -> list[str]:
    return [x["text"] for x in result.rows if x["suggested_because"] == "drawn at random"]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def listing(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def write_csv(path: Path, texts: Iterable[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(texts))
    return path


# Choosing -----------------------------------------------------------------------------------------


def test_the_same_posts_are_chosen_every_time_and_in_any_order(classifier: RiskClassifier) -> None:
    posts = rows(made_up(120))
    first = suggest(posts, model=classifier, n=20)
    assert chosen(first) == chosen(suggest(posts, model=classifier, n=20))
    assert len(set(chosen(first))) == 20
    shuffled = random.Random(1).sample(posts, len(posts))
    assert set(chosen(suggest(shuffled, model=classifier, n=20))) == set(chosen(first))


def test_a_fifth_is_drawn_at_random_and_spread_among_the_others(
    classifier: RiskClassifier,
) -> None:
    posts = rows(made_up(120))
    result = suggest(posts, model=classifier, n=20)
    where = [x["suggested_because"] == "drawn at random" for x in result.rows]
    assert [place for place, is_random in enumerate(where) if is_random] == [4, 9, 14, 19]
    assert result.reasons()["drawn at random"] == 4


def test_what_is_drawn_at_random_does_not_depend_on_the_model(
    classifier: RiskClassifier, make_model: MakeModel
) -> None:
    posts = rows(made_up(120))
    other = RiskClassifier.load(make_model(seed=5), device="cpu", batch_size=8)
    ours, theirs = (suggest(posts, model=model, n=20) for model in (classifier, other))
    assert at_random(ours) == at_random(theirs)
    assert chosen(ours) != chosen(theirs)


def test_the_other_posts_are_the_uncertain_ones(classifier: RiskClassifier) -> None:
    posts = rows(made_up(200))
    result = suggest(posts, model=classifier, n=20)
    lines = np.log(np.array([0.4 / 0.6, 0.8 / 0.2]))

    def uncertainty(text: str) -> float:
        prediction = classifier.predict(text)
        shares = np.array(list(prediction.scores.values()))
        odds = np.log(prediction.risk / (1 - prediction.risk))
        nearest = float(np.exp(-np.abs(odds - lines).min()))
        return (nearest + float(-(shares * np.log(shares)).sum() / np.log(3))) / 2

    drawn = set(at_random(result))
    ours = [uncertainty(text) for text in chosen(result) if text not in drawn]
    everything = [uncertainty(row["text"]) for row in posts]
    assert np.mean(ours) > np.quantile(everything, 0.6)


def test_the_reason_names_the_line_or_the_labels(classifier: RiskClassifier) -> None:
    result = suggest(rows(made_up(200)), model=classifier, n=60)
    for row in result.rows:
        because = row["suggested_because"]
        if because == "near the line between review and clear":
            assert abs(row["riskclf_risk"] - 0.4) < abs(row["riskclf_risk"] - 0.8)
        elif because.startswith("unsure between "):
            names = because.removeprefix("unsure between ").split(" and ")
            two = sorted(LABELS, key=lambda x: -row[f"riskclf_score_{x}"])[:2]
            assert names == two
        else:
            assert because in ("near the line between flag and review", "drawn at random")
    assert len(result.reasons()) >= 3


def test_a_model_without_risk_labels_is_asked_for_its_entropy_only(loaded: Artifact) -> None:
    card = replace(loaded.manifest, risk_labels=(), operating_points={})
    topics = RiskClassifier(replace(loaded, manifest=card))
    result = suggest(rows(made_up(60)), model=topics, n=10)
    reasons = {row["suggested_because"].split(" between")[0] for row in result.rows}
    assert reasons == {"unsure", "drawn at random"}


def test_near_duplicates_are_never_both_chosen(classifier: RiskClassifier) -> None:
    texts = made_up(25)
    copies = [copy for x in texts for copy in (x, x + "！", x.upper() + " ", x.replace(" ", ""))]
    result = suggest(rows(copies), model=classifier, n=60)
    assert len(result.rows) == 25
    assert len(set(near_duplicate_groups(chosen(result)).tolist())) == 25
    assert result.notes == ["there are only 25 different posts to choose, not 60"]


def test_uncertain_posts_that_are_unlike_go_before_more_of_the_same(
    classifier: RiskClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = made_up(40)
    corner = {text: np.eye(4, dtype=np.float32)[min(n // 8, 3)] for n, text in enumerate(texts)}
    monkeypatch.setattr(
        suggestion, "_vectors", lambda model, posts, progress: np.stack([corner[x] for x in posts])
    )
    monkeypatch.setattr(suggestion, "_RANDOM_SHARE", 0)
    result = suggest(rows(texts), model=classifier, n=4)
    assert len({tuple(corner[text]) for text in chosen(result)}) == 4


def test_labelled_posts_and_what_is_nearly_the_same_are_left_out(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    texts = made_up(30)
    labelled = write_csv(tmp_path / "labelled.csv", [texts[0], texts[1] + "！！", texts[2].upper()])
    result = suggest(rows(texts), model=classifier, n=30, labelled=labelled)
    assert set(chosen(result)) == set(texts[3:])
    everything = suggest(rows(texts), model=classifier, n=30, labelled=rows(texts))
    assert everything.rows == []


def test_empty_posts_are_not_worth_a_label(classifier: RiskClassifier) -> None:
    result = suggest(rows(["", "　\n", *made_up(3)]), model=classifier, n=9)
    assert set(chosen(result)) == set(made_up(3))
    assert "2 posts are empty; they are not suggested" in result.notes


def test_many_posts_are_chosen_from_a_bounded_number_of_candidates(
    classifier: RiskClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = rows(made_up(400))
    sizes: list[int] = []
    kept: list[list[int]] = []

    class Watched(suggestion._Pool):
        def add(self, post: Any) -> None:
            super().add(post)
            sizes.append(len(self._posts))

        def best(self) -> Any:
            found = super().best()
            kept.append([post.row.number for post in found])
            return found

    monkeypatch.setattr(suggestion, "_Pool", Watched)
    monkeypatch.setattr(suggestion, "_CANDIDATES", 40)
    few = suggest(iter(posts), model=classifier, n=5)
    assert max(sizes) < 2 * 40
    monkeypatch.setattr(suggestion, "_CANDIDATES", 2000)
    all_of_them = suggest(posts, model=classifier, n=5)
    drawn_of_few, of_few, drawn_of_all, of_all = kept
    assert of_few == of_all[:40]
    assert drawn_of_few == drawn_of_all[: len(drawn_of_few)]
    assert at_random(few) == at_random(all_of_them)


def test_copies_do_not_push_the_other_candidates_out(
    classifier: RiskClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggestion, "_CANDIDATES", 20)
    template = [
        f"第{number}回 図書館の本を読む会のお知らせです、傘をお持ちください"
        for number in range(150)
    ]
    result = suggest(rows([*template, *made_up(30)]), model=classifier, n=20)
    assert sum(text in template for text in chosen(result)) <= 1
    assert len(result.rows) == 20


# Rows in and out ----------------------------------------------------------------------------------


def test_rows_keep_their_columns_and_get_those_of_predict_and_an_empty_label(
    classifier: RiskClassifier, tmp_path: Path
) -> None:
    posts = write_csv(tmp_path / "posts.csv", made_up(10))
    result = suggest(posts, model=classifier, n=10)
    result.save(tmp_path / "out.csv")
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
            if name in ("label", "decision", "truncated"):
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
    measured = evaluate(None, tmp_path / "labelled.jsonl")
    assert measured.figures.to_dict()["counts"]["rows"] == 20
    assert not measured.rejects


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_comes_out(classifier: RiskClassifier, tmp_path: Path, suffix: str) -> None:
    result = suggest(rows(made_up(10)), model=classifier, n=5)
    path = tmp_path / f"out.{suffix}"
    result.save(path)
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
    suggest(tmp_path / "posts.parquet", model=classifier, n=6).save(tmp_path / "out.parquet")
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
        (4, "it is not text"),
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
        suggest(posts, model=classifier, text_column="body")
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
    told: list[tuple[int, int | None]] = []
    suggest(rows(made_up(80)), model=classifier, n=5, progress=lambda *place: told.append(place))
    assert told[0] == (1, 80)
    assert told[-1][0] == told[-1][1]


# The encoder's vectors ----------------------------------------------------------------------------


def test_vectors_are_those_of_the_pooler_in_the_order_of_the_posts(
    loaded: Artifact, sentences: Sequence[str]
) -> None:
    import torch

    windows = [x.head.ids for x in loaded.tokenizer.encode_batch(sentences)]
    vectors = loaded.engine.compute(windows).pooled
    assert vectors.shape == (len(sentences), 32)
    for window, vector in zip(windows, vectors, strict=True):
        with torch.inference_mode():
            alone = torch_model(loaded).bert(torch.tensor([window])).pooler_output[0]
        assert np.allclose(vector, alone.numpy(), atol=1e-4)
    assert loaded.engine.compute([]).pooled.shape == (0, 32)


# Terms --------------------------------------------------------------------------------------------

OLDER = rows(made_up(300, seed=7))


def risen(texts: Iterable[str], reference: Sequence[dict[str, Any]] = OLDER) -> dict[str, Term]:
    """The terms of some posts among many ordinary ones."""
    posts = rows([*made_up(300, seed=8), *texts])
    found, _ = terms.risen_terms(posts, reference, "text", None)
    return {x.term: x for x in found}


def with_others(phrase: str, count: int, seed: int = 9) -> list[str]:
    """Different posts that hold a phrase."""
    return [f"{text}。{phrase}。" for text in made_up(count, seed=seed)]


def terms_in(text: str) -> set[str]:
    return set(terms._TermFinder()(text))


def test_a_new_term_is_found_with_its_counts_and_interval() -> None:
    found = risen(with_others("水色の風船を見た", 12))
    assert {"水色", "風船"} <= set(found)
    term = found["風船"]
    assert (term.posts, term.of, term.reference_posts, term.reference_of) == (12, 312, 0, 300)
    assert term.times is None
    assert term.high is None
    # Clopper and Pearson: 12 of 12 have a lower end of 0.025 ** (1 / 12).
    share = 0.025 ** (1 / 12)
    assert term.low == pytest.approx(share / (1 - share) * 300 / 312)


def test_a_term_that_was_there_before_must_have_risen() -> None:
    older = [*OLDER, *rows(with_others("風船を見た", 12, seed=10))]
    assert "風船" not in risen(with_others("風船を見た", 14), older)
    term = risen(with_others("風船を見た", 60), older)["風船"]
    assert term.times == pytest.approx(60 / 360 / (12 / 312))
    assert term.high is not None
    assert 1 < term.low < (term.times or 0) < term.high


def test_a_term_needs_five_different_posts() -> None:
    many = rows(made_up(600, seed=3))
    posts = with_others("風船を見た", 5)
    found, _ = terms.risen_terms(rows(posts), many, "text", None)
    assert "風船" in {x.term for x in found}
    found, _ = terms.risen_terms(rows(posts[:4]), many, "text", None)
    assert "風船" not in {x.term for x in found}
    with pytest.raises(InputError, match="no rows"):
        terms.risen_terms(rows(posts), [], "text", None)


def test_reposts_and_near_duplicates_count_once() -> None:
    reposts = ["風船を見た日の長い長い話をここに書いておきます"] * 30
    template = [f"第{number}回 風船を見る会のお知らせ、傘をお持ちください" for number in range(30)]
    assert "風船" not in risen([*reposts, *template])
    found = risen([*reposts, *template, *with_others("風船を見た", 10)])
    assert found["風船"].posts == 12


def test_of_terms_in_the_same_posts_only_the_longest_is_shown() -> None:
    found = risen(with_others("水色風船祭りへ", 12))
    assert [x for x in found if set(x) & set("水色風船祭")] == ["水色風船祭り"]
    # The shorter one stands in other posts, too.
    both = risen([*with_others("水色風船祭りへ", 12), *with_others("風船が飛ぶ", 12, seed=11)])
    assert {"水色風船祭り", "風船"} <= set(both)


def test_at_most_twenty_terms_surest_first() -> None:
    draw = random.Random(4)
    syllables = "カキクサシスタナニマミラリル"
    names = ["ポ" + "".join(draw.sample(syllables, 5)) for _ in range(30)]
    texts = [
        text
        for place, name in enumerate(names)
        for text in with_others(f"{name}を見た", 10 + place, seed=100 + place)
    ]
    found = list(risen(texts).values())
    assert len(found) == 20
    assert [x.low for x in found] == sorted((x.low for x in found), reverse=True)


def test_terms_do_not_depend_on_the_order_or_on_what_must_be_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posts = rows([*made_up(300, seed=8), *with_others("水色の風船を見た", 20)])
    everything = terms.risen_terms(posts, OLDER, "text", None)
    random.Random(0).shuffle(posts)
    assert terms.risen_terms(posts, OLDER, "text", None) == everything
    monkeypatch.setattr(terms, "_COUNTED_TERMS", 300)
    kept, _ = terms.risen_terms(posts, OLDER, "text", None)
    assert "風船" in {x.term for x in kept}


def test_handles_links_and_numbers_are_left_out() -> None:
    text = (
        "見て https://example.com/AbC と @Some_One と ＠who へ www.example.org/x いい "
        "example.co.jp/abc の bread.baker@example.com ID：bread99 電話 080-1234-5678 と "
        "090 1111 2222 番 mp3 some_name 18歳 30代 three 25 years old 12345 三十"
    )
    assert terms_in(text) == {"電話", "three"}


def test_hashtags_keep_their_word() -> None:
    assert "図書館" in terms_in("#図書館 ＃天気")
    assert "天気" in terms_in("#図書館 ＃天気")


def test_names_of_persons_are_left_out() -> None:
    assert terms_in("田中さんと佐藤太郎くんは公園へ") == {"公園"}


def test_particles_auxiliaries_symbols_and_light_verbs_are_left_out() -> None:
    assert terms_in("今日は、公園へ行きました！😀 していたようでした…") == {"今日", "公園"}


def test_terms_are_runs_of_one_to_three_words() -> None:
    assert terms_in("天気予報") == {"天気", "予報", "天気予報"}
    # Blanks part Japanese words, which may stand in a list, but not those of English and Korean.
    assert terms_in("天気 予報") == {"天気", "予報"}
    assert terms_in("one - two") == {"one", "two"}
    assert terms_in("one two three four") == {
        *("one", "two", "three", "four", "one two", "two three", "three four"),
        *("one two three", "two three four"),
    }
    assert "도서관에서 책을" in terms_in("도서관에서 책을 읽다")


def test_verbs_and_adjectives_count_in_their_dictionary_form() -> None:
    assert terms_in("走った") == terms_in("走らない") == {"走る"}
    assert terms_in("食べ放題") == {"食べる", "放題", "食べ放題"}


def test_width_and_case_do_not_make_a_term() -> None:
    assert terms_in("ＢＲＥＡＤ ﾃﾚﾋﾞ") == terms_in("bread テレビ") == {"bread", "テレビ"}


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
    assert (found["posts"], found["of"], found["times"]) == ("12", "112", "")


# The command --------------------------------------------------------------------------------------


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    texts = [*made_up(100), *with_others("水色の風船を見た", 12)]
    return write_csv(tmp_path / "posts.csv", texts)


def run(model: Path | None, *arguments: object) -> int:
    chosen_model = [] if model is None else ["--model", str(model), "--device", "cpu"]
    return cli.main(["suggest", *map(str, arguments), *chosen_model])


def test_the_command_chooses_from_the_example_file_with_the_packaged_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = Path(riskclf.__file__).with_name("example_posts.csv")
    assert run(None, example, "--n", 5, "--output", tmp_path / "out.csv") == 0
    found = read_csv(tmp_path / "out.csv")
    assert len(found) == 5
    assert set(found[0]) >= {"id", "text", "label", "riskclf_label", "suggested_because"}
    out, err = capsys.readouterr()
    assert out == ""
    assert f"5 posts written to {tmp_path / 'out.csv'}" in err
    assert not any(row["text"] in err for row in found)
    assert listing(tmp_path) == ["out.csv"]


def test_the_command_shows_terms_and_obeys_its_options(
    model_directory: Path,
    posts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reference = write_csv(tmp_path / "older.csv", made_up(100, seed=7))
    labelled = write_csv(tmp_path / "labelled.csv", made_up(99))
    out = tmp_path / "out.csv"
    options: list[object] = ["--terms", "--reference", reference, "--labelled", labelled]
    assert run(model_directory, posts, "--n", 50, "--output", out, *options) == 0
    assert {row["text"] for row in read_csv(out)}.isdisjoint(made_up(99))
    shown = capsys.readouterr().out
    assert "風船" in shown
    assert "12 of 112" in shown
    assert "only here" in shown
    assert "a lead for a person" in shown
    assert not list(tmp_path.glob("terms*"))
    options += ["--terms-output", tmp_path / "terms.csv"]
    assert run(model_directory, posts, "--output", out, *options) == 0
    assert "風船" in {row["term"] for row in read_csv(tmp_path / "terms.csv")}
    reference.write_bytes(posts.read_bytes())
    assert run(model_directory, posts, "--output", out, "--terms", "--reference", reference) == 0
    assert "no term has surely risen" in capsys.readouterr().out


def test_rejected_rows_are_listed_and_the_exit_status_is_1(
    model_directory: Path, posts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with posts.open("a", encoding="utf-8") as file:
        file.write("bad\n")
    out = tmp_path / "out.csv"
    assert run(model_directory, posts, "--n", 5, "--output", out) == 1
    listed = read_csv(tmp_path / "out.csv.rejects.csv")
    assert [(x["row"], x["reason"]) for x in listed] == [
        ("114", "it has 1 fields and the header has 2")
    ]
    assert "1 row was rejected" in capsys.readouterr().err
    write_csv(posts, made_up(10))
    assert run(model_directory, posts, "--n", 5, "--output", out) == 0
    assert not (tmp_path / "out.csv.rejects.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "posts.csv"], "would overwrite posts.csv"),
        (["--output", "a.csv", "--labelled", "a.csv"], "would overwrite a.csv"),
        (["--output", "a.csv", "--terms", "--reference", "a.csv"], "would overwrite a.csv"),
        (
            ["--output", "a.csv", "--terms-output", "a.csv", "--terms", "--reference", "b.csv"],
            "would overwrite the output",
        ),
        (["--output", "no/a.csv"], "does not exist; make it first"),
        (["--output", "a.xyz"], "tells no format"),
        (["--output", "a.csv", "--terms"], "give both --terms and --reference"),
        (["--output", "a.csv", "--reference", "posts.csv"], "give both --terms and --reference"),
        (["--output", "a.csv", "--terms-output", "b.csv"], "--terms-output needs --terms"),
        (["--output", "a.csv", "--n", "0"], "Invalid value for '--n'"),
    ],
)
def test_what_would_fail_or_destroy_a_file_is_refused_at_once(
    posts: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(posts.parent)
    monkeypatch.setattr("riskclf.cli.app.load_classifier", lambda *_: pytest.fail("too late"))
    assert cli.main(["suggest", "posts.csv", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert listing(posts.parent) == ["posts.csv"]


def test_ctrl_c_leaves_nothing(
    posts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("riskclf.cli.app.load_classifier", stop)
    assert cli.main(["suggest", str(posts), "--output", str(tmp_path / "out.csv")]) == 130
    assert listing(tmp_path) == ["posts.csv"]


def test_the_help_says_what_it_does_not_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["suggest", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "posts of a file that you hold. It does not rank authors." in text
    assert "not a list of coded words" in text
