"""A small model that every test of the library core shares: random weights, harmless words."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from riskclf.artifact import Artifact
    from riskclf.classifier import RiskClassifier
    from riskclf.tokens import Tokenizer

# Read when huggingface_hub and torch are first imported, so nothing above may import them. A model
# as small as ours is fastest on one thread, above all where other programs compute too.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same junk every time, and no files left behind; a busy machine may take its time.
hypothesis.settings.register_profile(
    "riskclf", deadline=None, derandomize=True, database=None, max_examples=200
)
hypothesis.settings.load_profile("riskclf")

LABELS = ("minor_solicitation", "adult_solicitation", "benign")
RISK_LABELS = ("minor_solicitation", "adult_solicitation")
MAX_TOKENS = 64

JAPANESE = (
    "部活おわった〜 おなかすいた",
    "今日は図書館で本を三冊借りました。",
    "駅前のパン屋さん、カレーパンが売り切れだった",
    "明日の天気は雨のち晴れらしいよ",
    "ｱﾊﾟｰﾄの壁を白く塗りました！",
    "お母さんと弟と一緒に動物園へ行った",
    "電車が遅れています。次の便は10時25分です",
    "サッカーの試合、2対1で勝った！やったー",
    "㈱みどり商店は来週の月曜日から営業します",
    "猫がキーボードの上で寝ている",
    "文化祭の準備で忙しいけど楽しい",
    "ＴＶのリモコンが見つからない…",
    "新しい自転車がほしいなあ",
    "パパが作ったカレーライスはちょっと辛い",
    "コーヒーを2杯飲んだら眠れなくなった",
)
ENGLISH = (
    "Does anybody know when the library opens?",
    "My bicycle has a flat tyre again, so I walked home.",
    "We baked bread and it smells great",
    "The train to the city leaves at 10:25 from platform 3.",
    "I'm reading a book about birds; it's 300 pages long",
    "Rain all day... perfect for soup & tea!",
    "She won the chess tournament (again).",
    "Happy birthday to my little cat",
)
KOREAN = (
    "오늘 점심은 뭐 먹지",
    "내일은 비가 온다고 해요.",
    "도서관에서 책을 빌렸어요",
    "우리 고양이가 너무 귀엽다ㅋㅋㅋ",
    "버스가 10분 늦게 왔다",
)
CHINESE = (
    "明天一起去图书馆吧",
    "今天的晚饭是西红柿炒鸡蛋。",
    "下雨了，记得带伞",
    "他在公园里放风筝",
    "火车晚点了二十分钟",
)
WORD_LIST = """
今日 明日 図書館 電車 天気 動物 試合 文化 準備 新しい 自転 コーヒー パン カレー サッカー リモコン
です ます した って から けど いる いた ない よう った
the and train library book ing ed er day home
오늘 내일 에서 고양 图书 明天
"""
EMOJI = "😀😂🥰👍🎉📚🐈🌸✨☔🍞⚽❤🇯🇵👨👩👧🏽"
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

TOKENIZER_CONFIG: dict[str, object] = {
    "tokenizer_class": "BertJapaneseTokenizer",
    "word_tokenizer_type": "mecab",
    "subword_tokenizer_type": "wordpiece",
    "do_lower_case": False,
    "mecab_kwargs": {"mecab_dic": "unidic_lite"},
    "model_max_length": MAX_TOKENS,
    "split_special_tokens": True,
}

MakeModel = Callable[..., Path]
MakeTokenizer = Callable[..., Path]


def _vocabulary() -> list[str]:
    alphabet = [
        *map(chr, range(0x21, 0x7F)),
        *map(chr, range(0x3041, 0x3097)),
        *map(chr, range(0x30A1, 0x30FF)),
        *"、。「」・〜…！？",
        *"".join((*JAPANESE, *KOREAN, *CHINESE)).replace(" ", ""),
        *EMOJI,
        *map(chr, range(0xAC00, 0xAC00 + 588, 7)),
        *"一二三四五六七八九十百千万円年月日時分人大小中上下左右山川田花雨雪空海水火木金土",
    ]
    pieces = [*SPECIAL_TOKENS]
    for piece in (*alphabet, *WORD_LIST.split()):
        pieces += [piece, f"##{piece}"]
    return list(dict.fromkeys(pieces))


def write_tokenizer(directory: Path, changes: dict[str, object]) -> Path:
    """vocab.txt and tokenizer_config.json; a change to None takes a setting out."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.txt").write_text("\n".join(_vocabulary()) + "\n", encoding="utf-8")
    config = {name: x for name, x in (TOKENIZER_CONFIG | changes).items() if x is not None}
    (directory / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def sentences() -> tuple[str, ...]:
    """Everyday sentences in Japanese, English, Korean and Chinese."""
    return (*JAPANESE, *ENGLISH, *KOREAN, *CHINESE)


@pytest.fixture
def make_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> MakeTokenizer:
    """Write a tokenizer directory whose tokenizer_config.json has the given settings."""

    def make(**changes: object) -> Path:
        return write_tokenizer(tmp_path_factory.mktemp("tokenizer"), changes)

    return make


def save_model(
    directory: Path,
    tokenizer: Path,
    *,
    labels: Sequence[str] = LABELS,
    risk_labels: Sequence[str] = RISK_LABELS,
    seed: int = 0,
    flag: float = 0.8,
    review: float = 0.4,
    temperature: float = 1.5,
    half_precision: bool = False,
) -> None:
    """Save a small model with random weights; every seed gives another one.

    Args:
        directory: where to.
        tokenizer: a directory that `write_tokenizer` wrote.
        labels: and the rest, as they go into the model.
        risk_labels: those of them that are risks.
        seed: of the weights.
        flag: threshold of the operating point `standard`; that of `sensitive` is half of it.
        review: likewise.
        temperature: of the manifest.
        half_precision: store the weights as float16.
    """
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from riskclf.artifact import save
    from riskclf.decide import OperatingPoint
    from riskclf.manifest import Manifest

    torch.manual_seed(seed)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(_vocabulary()),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=MAX_TOKENS,
            initializer_range=0.3,  # so that different posts get clearly different logits
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
            pad_token_id=0,
        )
    )
    save(
        directory,
        model=model,
        tokenizer_directory=tokenizer,
        manifest=Manifest(
            labels=tuple(labels),
            risk_labels=tuple(risk_labels),
            operating_points={
                "standard": OperatingPoint(flag=flag, review=review),
                "sensitive": OperatingPoint(flag=flag / 2, review=review / 2),
            },
            temperature=temperature,
            prevalence=0.2,
            provenance={"base": "random weights", "licence": "Apache-2.0"},
        ),
        half_precision=half_precision,
    )


def model_below(place: Path, **given: Any) -> Path:
    """Save a small model below `place`; what `save_model` does not take is for its tokenizer."""
    of_model = set(inspect.signature(save_model).parameters)
    changes = {name: x for name, x in given.items() if name not in of_model}
    tokenizer = write_tokenizer(place / "tokenizer", changes)
    options = {name: x for name, x in given.items() if name in of_model}
    save_model(place / "model", tokenizer, **options)
    return place / "model"


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Save a small model, see `model_below`."""

    def make(**given: Any) -> Path:
        return model_below(tmp_path_factory.mktemp("model"), **given)

    return make


@pytest.fixture(scope="session")
def model_directory(make_model: MakeModel) -> Path:
    """The shared model. Read only: copy it before changing it."""
    return make_model()


@pytest.fixture(scope="session")
def loaded(model_directory: Path) -> Artifact:
    from riskclf.artifact import load

    return load(model_directory, device="cpu", batch_size=8)


@pytest.fixture(scope="session")
def tokenizer(model_directory: Path) -> Tokenizer:
    from riskclf.tokens import Tokenizer

    return Tokenizer.load(model_directory)


@pytest.fixture(scope="session")
def classifier(model_directory: Path) -> RiskClassifier:
    from riskclf.classifier import RiskClassifier

    return RiskClassifier.load(model_directory, device="cpu", batch_size=8)
