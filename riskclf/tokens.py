"""Posts to token ids: MeCab words (fugashi), then WordPiece. The only way from text to ids.

The ids are those of transformers' `BertJapaneseTokenizer` loaded from the same directory, on the
normalised text (tested on thousands of strings), several times faster: MeCab writes the words
separated by blanks, and the Rust WordPiece of `tokenizers` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import WhitespaceSplit

from riskclf.errors import ArtifactCorrupt, UnsupportedTokenizer
from riskclf.labels import ReasonCode
from riskclf.mecab import tagger
from riskclf.modelfiles import read_json, read_text, shown
from riskclf.reading import Reading, read
from riskclf.text import normalise

__all__ = ["Encoding", "Token", "Tokenizer", "Window"]

# MeCab's time grows with the square of a run of Latin letters, and it dies on very long ones. Of a
# longer post, the first and the last half of this are read.
_MAX_CHARACTERS = 8192

# Nearly every post fits the first (99 of 100 of the posts we train on have at most 50 tokens).
# Longer texts are read in windows of both lengths: a long one holds what is said far apart, and a
# risky sentence behind ordinary text fills a good part of a short one. With long ones alone, such a
# sentence was missed more often than it was found.
_WINDOWS = (64, 32)

# Where a tokenizer_config.json sets no limit, transformers writes a huge number.
_DEFAULT_MAX_TOKENS = 512

# BertJapaneseTokenizer reads longer words as one unknown token.
_MAX_WORD_CHARACTERS = 100

_SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
}

# Settings of BertJapaneseTokenizer that change its ids: those we can do, and transformers' default.
_SUPPORTED: dict[str, tuple[tuple[Any, ...], Any]] = {
    "word_tokenizer_type": (("mecab",), "basic"),
    "subword_tokenizer_type": (("wordpiece",), "wordpiece"),
    "do_word_tokenize": ((True,), True),
    "do_subword_tokenize": ((True,), True),
}

# The last is of no use here: a post is normalised before MeCab reads it.
_MECAB_SETTINGS = {"mecab_dic", "mecab_option", "normalize_text"}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a post, as every part of a model reads it."""

    ids: list[int]
    """Special tokens included."""

    text: str = field(repr=False)
    """The normalised text that the ids stand for."""

    words: str = field(repr=False)
    """MeCab's words of that text, separated by single blanks."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """One post as ids."""

    head: Window
    """As much of its beginning as the model can read at once."""

    head_cut: bool
    """The post continues after the head."""

    windows: tuple[Window, ...]
    """Short stretches of two lengths that overlap by half, each from the post's beginning to its
    end; one that is the head where the post is short."""

    windows_cut: bool
    """The middle of the post lies in no window: it is very long."""

    unknown_share: float
    """Share of [UNK] among the tokens in the windows, 0 where there are none."""

    text_codes: tuple[ReasonCode, ...] = ()
    """How the raw post was read (`riskclf.reading`)."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token and the place in the raw post it came from."""

    id: int
    piece: str
    """The entry of the vocabulary, with its `##` where it continues a word."""
    surface: str
    """The characters of the normalised text that it covers."""
    start: int
    end: int
    """Span in the raw post. Where nothing was undone (`riskclf.disguise`), `surface` lies in
    ``plain_form(post[start:end]).text``; elsewhere the span covers what was written instead."""


class Tokenizer:
    """MeCab + WordPiece, as the tokenizer_config.json and vocab.txt of a model directory say."""

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        *,
        max_tokens: int = _DEFAULT_MAX_TOKENS,
        lower_case: bool = False,
        dictionary: str = "unidic_lite",
        mecab_option: str = "",
        special_tokens: Mapping[str, str] = _SPECIAL_TOKENS,
    ) -> None:
        """
        Args:
            vocabulary: pieces with their ids; must hold the special tokens.
            max_tokens: length of a window, [CLS] and [SEP] included; at least 3.
            lower_case: lower-case each word after MeCab.
            dictionary: name of the installed dictionary package.
            mecab_option: further options for MeCab.
            special_tokens: the pieces that stand for padding, unknown, [CLS] and [SEP].

        Raises:
            DictionaryNotFound: the dictionary package is not installed.
            UnsupportedTokenizer: a special token is missing, or the window is too short.
        """
        for name in _SPECIAL_TOKENS:
            if special_tokens[name] not in vocabulary:
                raise UnsupportedTokenizer(
                    f"the vocabulary in vocab.txt has no {shown(repr(special_tokens[name]))} "
                    f"({name}): use a model of BertJapaneseTokenizer with WordPiece"
                )
        if max_tokens < 3:
            raise UnsupportedTokenizer(f"model_max_length is {max_tokens}: it must be 3 or more")
        self.pad_id = vocabulary[special_tokens["pad_token"]]
        self.max_tokens = max_tokens
        self.dictionary = dictionary
        self.unk_id = vocabulary[special_tokens["unk_token"]]
        self._cls_id = vocabulary[special_tokens["cls_token"]]
        self._sep_id = vocabulary[special_tokens["sep_token"]]
        self._lower_case = lower_case
        self._mecab_option = mecab_option
        self._mecab = tagger(dictionary, mecab_option)
        # No special tokens are registered here, so "[SEP]" in a post is just brackets and letters.
        self._wordpiece = RustTokenizer(
            WordPiece(
                dict(vocabulary),
                unk_token=special_tokens["unk_token"],
                max_input_chars_per_word=_MAX_WORD_CHARACTERS,
            )
        )
        self._wordpiece.pre_tokenizer = WhitespaceSplit()

    @classmethod
    def load(cls, directory: str | Path) -> Tokenizer:
        """Read vocab.txt and tokenizer_config.json of a Hugging Face model directory.

        Raises:
            ArtifactCorrupt: a file is missing or unreadable.
            UnsupportedTokenizer: it is a tokenizer of another kind.
            DictionaryNotFound: its MeCab dictionary is not installed.
        """
        config_file = Path(directory) / "tokenizer_config.json"
        vocabulary_file = Path(directory) / "vocab.txt"
        config = read_json(config_file)
        model_file = Path(directory) / "config.json"
        model_config = read_json(model_file) if model_file.is_file() else {}
        _check_supported(config, model_config, config_file)
        pieces = read_text(vocabulary_file).split("\n")
        if pieces and not pieces[-1]:
            pieces.pop()
        rows = model_config.get("vocab_size", len(pieces))
        if type(rows) is not int or len(pieces) > rows:
            raise ArtifactCorrupt(
                f"{vocabulary_file} has {len(pieces):,} pieces, more than vocab_size in "
                "config.json says: it belongs to another model; copy or save the model again"
            )
        try:
            mecab = dict(config.get("mecab_kwargs") or {})
            if unknown := sorted({*mecab} - _MECAB_SETTINGS):
                raise UnsupportedTokenizer(
                    f"{config_file} has mecab_kwargs {shown(unknown[0])}: riskclf knows only "
                    f"{', '.join(sorted(_MECAB_SETTINGS))}; use a model without it"
                )
            settings: dict[str, Any] = {
                "max_tokens": _max_tokens(config, model_config),
                "lower_case": _switch(config.get("do_lower_case")),
                "dictionary": str(mecab.get("mecab_dic", "unidic_lite")),
                "mecab_option": str(mecab.get("mecab_option") or ""),
                "special_tokens": {
                    name: _token_text(config.get(name, default))
                    for name, default in _SPECIAL_TOKENS.items()
                },
            }
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ArtifactCorrupt(
                f"{config_file} or config.json holds a setting of the wrong type "
                f"({type(error).__name__}: {shown(error)}): save the model again"
            ) from None
        return cls({piece: index for index, piece in enumerate(pieces)}, **settings)

    def __getstate__(self) -> dict[str, Any]:
        return {name: x for name, x in vars(self).items() if name != "_mecab"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._mecab = tagger(self.dictionary, self._mecab_option)

    def encode(self, post: str) -> Encoding:
        """Turn one raw post into ids. Any `str` works; an empty one is [CLS][SEP]."""
        return self.encode_batch([post])[0]

    def encode_batch(self, posts: Sequence[str]) -> list[Encoding]:
        """Turn raw posts into ids, in the same order."""
        return self.encode_readings([read(post) for post in posts])

    def encode_readings(self, readings: Sequence[Reading]) -> list[Encoding]:
        """The same for what `read` gave."""
        encodings = self.encode_normalised([reading.text for reading in readings])
        return [
            replace(encoding, text_codes=codes) if codes else encoding
            for encoding, (_, codes) in zip(encodings, readings, strict=True)
        ]

    def encode_normalised(self, texts: Sequence[str]) -> list[Encoding]:
        """The same for texts that `normalise` or `plain_form` has made, without `text_codes`."""
        sections = [_sections(text) for text in texts]
        words = [self._words(text) for texts in sections for text in texts]
        encodings = iter(self._wordpiece.encode_batch_fast(words, add_special_tokens=False))
        result, position = [], 0
        for texts in sections:
            ids = [next(encodings).ids for _ in texts]
            result.append(self._encoding(texts, words[position : position + len(texts)], ids))
            position += len(texts)
        return result

    def tokens(self, post: str) -> list[Token]:
        """The tokens that are read, each once, special tokens left out, with their raw spans."""
        normalised = normalise(post)
        head, *tail = _sections(normalised.text)
        placed = self._place(head, 0)
        for text in tail:
            placed += self._place(text, len(normalised.text) - len(text))
        return [
            Token(
                identifier,
                piece,
                normalised.text[start:end],
                *normalised.raw_span(start, end),
            )
            for identifier, piece, start, end in placed
        ]

    def _words(self, text: str) -> str:
        """MeCab's words, separated by single blanks."""
        words: str = self._mecab.parse(text)
        return words.lower() if self._lower_case else words

    def _place(self, text: str, offset: int) -> list[tuple[int, str, int, int]]:
        """Id, piece and span in the normalised text of each token of one section."""
        words = self._words(text).split()
        spans = []
        position = 0
        for word in self._mecab.parse(text).split():
            start = text.index(word, position)
            position = start + len(word)
            spans.append((start, position))
        encoding = self._wordpiece.encode(words, is_pretokenized=True, add_special_tokens=False)
        placed = []
        for identifier, piece, word_index, (start, end) in zip(
            encoding.ids, encoding.tokens, encoding.word_ids, encoding.offsets, strict=True
        ):
            assert word_index is not None  # no special tokens are added here
            word_start, word_end = spans[word_index]
            if len(words[word_index]) == word_end - word_start:
                span = (word_start + start, word_start + end)
            else:  # lower-casing changed the length
                span = (word_start, word_end)
            placed.append((identifier, piece, offset + span[0], offset + span[1]))
        return placed

    def _encoding(self, texts: list[str], words: list[str], sections: list[list[int]]) -> Encoding:
        room = self.max_tokens - 2
        longest, *_ = lengths = sorted({min(x - 2, room) for x in _WINDOWS}, reverse=True)
        unknown = sum(ids.count(self.unk_id) for ids in sections)
        if len(sections) == 1 and len(sections[0]) <= longest:  # nearly every post
            head = self._window(sections[0], texts[0], words[0])
            windows: tuple[Window, ...] = (head,)
        else:
            placed = [[x[2:] for x in self._place(text, 0)] for text in texts]

            def cut(section: int, start: int, end: int) -> Window:
                spans = placed[section][start:end]
                text = texts[section][spans[0][0] : spans[-1][1]] if spans else ""
                return self._window(sections[section][start:end], text, self._words(text))

            head = cut(0, 0, room)
            windows = tuple(
                cut(number, start, end)
                for number, ids in enumerate(sections)
                for length in lengths
                for start, end in _overlapping(len(ids), length)
            )
        return Encoding(
            head=head,
            head_cut=len(sections) > 1 or len(sections[0]) > room,
            windows=windows,
            windows_cut=len(sections) > 1,
            unknown_share=unknown / max(1, sum(map(len, sections))),
        )

    def _window(self, ids: list[int], text: str, words: str) -> Window:
        return Window([self._cls_id, *ids, self._sep_id], text, words.strip())


def _sections(text: str) -> list[str]:
    """The text, or its head and its tail where it is too long for MeCab to read whole."""
    if len(text) <= _MAX_CHARACTERS:
        return [text]
    half = _MAX_CHARACTERS // 2
    return [text[:half].rstrip(" "), text[-half:].lstrip(" ")]


def _overlapping(count: int, room: int) -> list[tuple[int, int]]:
    """Stretches of at most `room` ids that overlap by half; the last one ends where the ids do."""
    starts = range(0, count - room, max(1, room // 2))
    return [(start, start + room) for start in starts] + [(max(0, count - room), count)]


def _check_supported(
    config: Mapping[str, Any], model_config: Mapping[str, Any], file: Path
) -> None:
    # Models from before 2021 name it in config.json.
    kind = str(config.get("tokenizer_class") or model_config.get("tokenizer_class", ""))
    if "auto_map" in config:
        raise UnsupportedTokenizer(
            f"{file} has auto_map, which names code: riskclf runs none; use a model without it"
        )
    if kind != "BertJapaneseTokenizer":
        raise UnsupportedTokenizer(
            f"{file} is of tokenizer_class {shown(repr(kind))}: riskclf reads "
            "BertJapaneseTokenizer with MeCab words and WordPiece; use a model with that tokenizer"
        )
    for name, (supported, default) in _SUPPORTED.items():
        value = config.get(name, default)
        if value not in supported:
            raise UnsupportedTokenizer(
                f"{file} has {name} {shown(repr(value))}: riskclf reads only {supported[0]!r}; "
                "use a model with that tokenizer"
            )


def _max_tokens(config: Mapping[str, Any], model_config: Mapping[str, Any]) -> int:
    """The smaller of what the tokenizer and what the model allow."""
    limits = (config.get("model_max_length"), model_config.get("max_position_embeddings"))
    found = [x for x in limits if x is not None]
    if not all(type(x) in (int, float) for x in found):
        raise TypeError("a length is not a number")
    return int(min([_DEFAULT_MAX_TOKENS, *found]))


def _switch(value: Any) -> bool:
    if value not in (None, True, False):
        raise TypeError("do_lower_case is not true or false")
    return bool(value)


def _token_text(token: Any) -> str:
    """A special token as older and newer transformers write it."""
    return str(token["content"]) if isinstance(token, Mapping) else str(token)
