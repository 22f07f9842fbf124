"""Ids are those of transformers' own tokenizer, spans lead back into the post, nothing kills it."""

from __future__ import annotations

import importlib
import importlib.metadata
import itertools
import json
import resource
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskclf.errors import ArtifactCorrupt, DictionaryNotFound, UnsupportedTokenizer
from riskclf.mecab import dictionary_version
from riskclf.text import normalise, plain_form
from riskclf.tokens import Encoding, Token, Tokenizer

MAX_TOKENS = 64

# Put before, inside and behind every sentence.
DECORATIONS = (
    *("😀", "👨\u200d👩\u200d👧", "👍🏽", "🇯🇵", "❤\ufe0f", "1\ufe0f⃣", "✨📚✨"),
    *("ﾃﾚﾋﾞ", "ﾊﾟﾝ", "ｶﾞｰ", "㈱", "①", "ＡＢＣ", "１２３", "…", "（笑）", "～"),
    *("\0", "\x07", "\x1b[0m", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\u2028", "\u2029", "\r"),
    *("\n", "\t", "\u3000", "\xa0", "\u200b", "\ufeff", "\u202e", "\ud83d", "\ufffd", "\u3164"),
    *("[SEP]", "[MASK]", "[CLS]", "[UNK]", "[PAD]", "<s>", "</s>", "##か", " ## ", "[sep]"),
    *("a" * 100, "a" * 101, "ー" * 100, "-" * 101, "𠮷", "鑫", "漢漢漢", "é", "e\u0301", "İ", "ß"),
    *("ΑΣ", "한", "ᄒ\u1161ᆫ", "你好", "=", "%s", "\\", '"', "'", "https", "@", "#", "w" * 30),
)


@pytest.fixture(scope="module")
def posts(sentences: tuple[str, ...]) -> list[str]:
    """Everyday sentences with everything around them that turns up in posts."""

    def made() -> Iterator[str]:
        yield from ("", " ", "\0", "\ud800", *sentences, *DECORATIONS)
        for sentence, decoration in itertools.product(sentences, DECORATIONS):
            half = len(sentence) // 2
            yield decoration + sentence
            yield sentence[:half] + decoration + sentence[half:]
            yield sentence + decoration
        for one, other in itertools.product(sentences, repeat=2):
            yield one + other
        for start in range(len(sentences)):
            yield "\n".join(sentences[start:] + sentences[:start])  # long ones

    return list(dict.fromkeys(made()))


@pytest.fixture(scope="module")
def reference(model_directory: Path) -> Callable[[str], list[int]]:
    """Ids, not cut, by the tokenizer that transformers itself loads from the directory."""
    return _reference(model_directory)


def _reference(directory: Path) -> Callable[[str], list[int]]:
    from transformers import AutoTokenizer

    theirs: Any = AutoTokenizer.from_pretrained(directory)
    assert type(theirs).__name__ == "BertJapaneseTokenizer"

    def ids(text: str) -> list[int]:
        found: list[int] = theirs(text, verbose=False)["input_ids"]
        if len(found) > theirs.model_max_length:
            assert theirs(text, truncation=True)["input_ids"] == [
                *found[: theirs.model_max_length - 1],
                found[-1],
            ]
        return found

    return ids


def assert_read(encoding: Encoding, ids: list[int], limit: int = MAX_TOKENS) -> None:
    """The head of a post with these ids is as long as the model allows; the windows hold it all."""
    assert encoding.head.ids == (ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]])
    assert encoding.head_cut == (len(ids) > limit)
    assert not encoding.windows_cut
    windows = [window.ids for window in encoding.windows]
    if len(ids) <= min(limit, 64):
        assert windows == [ids]
        return
    lengths = sorted({min(limit, 64), min(limit, 32)}, reverse=True)
    # First those of one length, then those of the other.
    assert [len(window) for window in windows] == [
        length for length in lengths for window in windows if len(window) == length
    ]
    for length in lengths:
        assert_covered(ids, [window for window in windows if len(window) == length])


def assert_covered(ids: list[int], windows: list[list[int]]) -> None:
    """Windows of one length hold all ids in their order, and overlap by half of it at least."""
    whole, room = ids[1:-1], len(windows[0]) - 2
    assert all((window[0], window[-1]) == (ids[0], ids[-1]) for window in windows)
    read = windows[0][1:-1]
    for window in windows[1:-1]:
        assert read[len(read) - room // 2 :] == window[1 : room // 2 + 1]
        read += window[room // 2 + 1 : -1]
    assert read == whole[: len(read)]
    assert windows[-1][1:-1] == whole[-room:]
    assert len(whole) - room <= len(read) - room // 2


# The same ids as transformers ---------------------------------------------------------------------


def test_ids_equal_those_of_transformers(
    tokenizer: Tokenizer, reference: Callable[[str], list[int]], posts: list[str]
) -> None:
    assert len(posts) >= 5000
    long = 0
    for post, encoding in zip(posts, tokenizer.encode_batch(posts), strict=True):
        assert_read(encoding, reference(normalise(post).text))
        long += encoding.head_cut
    assert long >= 30  # so that cutting is compared, too


@given(
    post=st.lists(
        st.one_of(
            st.sampled_from(DECORATIONS),
            st.characters(exclude_categories=()),
            st.text("今日は雨です abc오늘", max_size=5),
        ),
        max_size=20,
    ).map("".join)
)
def test_ids_of_junk_equal_those_of_transformers(
    tokenizer: Tokenizer, reference: Callable[[str], list[int]], post: str
) -> None:
    assert_read(tokenizer.encode(post), reference(normalise(post).text))


def test_a_batch_gives_the_ids_of_each_post_alone(
    tokenizer: Tokenizer, sentences: tuple[str, ...]
) -> None:
    posts = [*sentences, "", "\n".join(sentences), "a" * 20_000, *reversed(sentences)]
    assert tokenizer.encode_batch(posts) == [tokenizer.encode(post) for post in posts]
    assert tokenizer.encode_batch([]) == []


def test_lower_case_is_obeyed_as_transformers_does(
    make_tokenizer: Callable[..., Path], posts: list[str]
) -> None:
    directory = make_tokenizer(do_lower_case=True)
    ours, theirs = Tokenizer.load(directory), _reference(directory)
    some = [*posts[:200], *posts[200::9], "ΟΔΟΣ ΟΔΟΣ, ÀÉ İstanbul STRAẞE ǅ"]
    for post in some:
        assert_read(ours.encode(post), theirs(normalise(post).text))
    lower = ours.encode("library").head.ids
    assert ours.encode("LIBRARY").head.ids == lower
    assert Tokenizer.load(make_tokenizer()).encode("LIBRARY").head.ids != lower


@pytest.mark.parametrize("length", [3, 4, 16, 64, 65, 128, 512])
def test_the_length_limit_is_obeyed_as_transformers_does(
    make_tokenizer: Callable[..., Path], sentences: tuple[str, ...], length: int
) -> None:
    directory = make_tokenizer(model_max_length=length)
    ours, theirs = Tokenizer.load(directory), _reference(directory)
    for post in ("", "雨", *sentences, "".join(sentences), "".join(sentences) * 3):
        assert_read(ours.encode(post), theirs(normalise(post).text), length)


def test_the_model_limits_the_length_where_the_tokenizer_does_not(
    make_tokenizer: Callable[..., Path],
) -> None:
    # Without a limit, transformers writes int(1e30).
    directory = make_tokenizer(model_max_length=int(1e30))
    assert Tokenizer.load(directory).max_tokens == 512
    (directory / "config.json").write_text('{"max_position_embeddings": 32}', encoding="utf-8")
    assert Tokenizer.load(directory).max_tokens == 32


def test_special_tokens_in_another_order_and_spelling_are_obeyed(
    make_tokenizer: Callable[..., Path], sentences: tuple[str, ...]
) -> None:
    directory = make_tokenizer(
        cls_token="<s>", sep_token={"content": "</s>", "lstrip": False}, unk_token="<unk>"
    )
    file = directory / "vocab.txt"
    pieces = file.read_text(encoding="utf-8").split("\n")
    pieces[1:4] = ["</s>", "<unk>", "<s>"]
    file.write_text("\n".join(pieces), encoding="utf-8")
    encoding = Tokenizer.load(directory).encode("鑫 " + sentences[0])
    assert (encoding.head.ids[:2], encoding.head.ids[-1]) == ([3, 2], 1)


# Long posts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", range(60, 200))
def test_a_sentence_lies_whole_in_some_window_wherever_it_stands(
    tokenizer: Tokenizer, length: int
) -> None:
    sentence = tokenizer.encode("今日は図書館で本を借りました。").head.ids[1:-1]
    for before in (0, length // 2, length):
        post = "雨 " * before + "今日は図書館で本を借りました。" + " 雨" * (length - before)
        windows = [x.ids for x in tokenizer.encode(post).windows]
        assert any(
            window[start : start + len(sentence)] == sentence
            for window in windows
            for start in range(len(window))
        ), before


def test_a_window_holds_the_normalised_text_of_its_ids(
    tokenizer: Tokenizer, sentences: tuple[str, ...]
) -> None:
    for post in (*sentences, "", "  ﾊﾟﾝ  ", "\n".join(sentences), "雨" * 9000):
        text = normalise(post).text
        encoding = tokenizer.encode(post)
        assert text.startswith(encoding.head.text)
        assert encoding.windows[-1].text == text[len(text) - len(encoding.windows[-1].text) :]
        for window in (encoding.head, *encoding.windows):
            assert window.text in text
            # A word that is cut at the edge of a window is read in other pieces alone.
            inner = tokenizer.encode(window.text).head.ids[1:-1]
            assert "".join(window.text.split()) == "" or inner
            if len(encoding.windows) == 1:
                assert window.ids[1:-1] == inner
        if not encoding.windows_cut:
            covered = sum(len("".join(window.text.split())) for window in encoding.windows)
            assert covered >= len("".join(text.split()))


def test_a_post_that_just_fits_is_one_window(tokenizer: Tokenizer) -> None:
    fits = tokenizer.encode("雨" + " 雨" * (MAX_TOKENS - 3))
    assert (fits.head_cut, len(fits.windows), len(fits.windows[0].ids)) == (False, 1, MAX_TOKENS)
    longer = tokenizer.encode("雨" + " 雨" * (MAX_TOKENS - 2))
    assert longer.head_cut
    # A sentence may fill a good part of a short window where it is lost in a long one.
    assert {len(window.ids) for window in longer.windows} == {MAX_TOKENS, MAX_TOKENS // 2}


def test_of_a_very_long_post_the_beginning_and_the_end_are_read(tokenizer: Tokenizer) -> None:
    head, middle, tail = "今日は図書館で本を借りました。", "鑫", "The train leaves at noon."
    for filling, cut in (("雨" * 2000, False), ("雨" * 4096, True)):
        encoding = tokenizer.encode(head + filling + middle + filling + tail)
        assert encoding.windows_cut == cut
        assert (encoding.unknown_share > 0) == (not cut)
        known = len(tokenizer.encode(head).head.ids) - 1
        assert encoding.head.ids[:known] == tokenizer.encode(head).head.ids[:known]
        known = len(tokenizer.encode(tail).head.ids) - 1
        assert encoding.windows[-1].ids[-known:] == tokenizer.encode(tail).head.ids[-known:]


@pytest.mark.parametrize("letter", ["w", "ab", "-", "アー", "か", "漢", "1", "가", "😀", "a "])
def test_a_huge_post_of_one_letter_is_read(tokenizer: Tokenizer, letter: str) -> None:
    # MeCab dies on some 200,000 Latin letters in a row if it is given them all.
    encoding = tokenizer.encode(letter * 300_000)
    assert encoding.windows_cut
    assert all(3 <= len(window.ids) <= MAX_TOKENS for window in encoding.windows)
    assert tokenizer.tokens(letter * 300_000)


# Unknown tokens -----------------------------------------------------------------------------------


def test_the_unknown_share_counts_what_the_vocabulary_cannot_read(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("今日は雨").unknown_share == 0
    assert tokenizer.encode("").unknown_share == 0
    assert tokenizer.encode("鑫 淼").unknown_share == 1
    assert tokenizer.encode("鑫 雨").unknown_share == 0.5


# Spans --------------------------------------------------------------------------------------------


def assert_spans(post: str, tokens: Iterable[Token]) -> None:
    before = (0, 0)
    nothing_undone = normalise(post).text == plain_form(post).text
    for token in tokens:
        assert 0 <= token.start < token.end <= len(post)
        assert (token.start, token.end) >= before, ascii(post)
        assert token.end >= before[1], ascii(post)
        before = (token.start, token.end)
        if nothing_undone:
            assert token.surface in plain_form(post[token.start : token.end]).text, ascii(post)


def test_spans_lead_back_into_the_post_and_never_go_back(
    tokenizer: Tokenizer, posts: list[str]
) -> None:
    for post in posts[::2]:
        assert_spans(post, tokenizer.tokens(post))


@given(post=st.text(st.characters(exclude_categories=()), max_size=40))
def test_spans_lead_back_into_junk(tokenizer: Tokenizer, post: str) -> None:
    assert_spans(post, tokenizer.tokens(post))


def test_tokens_are_those_that_are_scored(tokenizer: Tokenizer, posts: list[str]) -> None:
    for post in posts[::2]:
        encoding = tokenizer.encode(post)
        if not encoding.head_cut:
            found = [token.id for token in tokenizer.tokens(post)]
            assert found == encoding.head.ids[1:-1], ascii(post)


def test_tokens_of_a_long_post_are_those_of_all_windows(
    tokenizer: Tokenizer, sentences: tuple[str, ...]
) -> None:
    for post in ("\n".join(sentences), "\n".join(sentences * 30), "a b " * 45):
        windows = [x.ids[1:-1] for x in tokenizer.encode(post).windows]
        tokens = tokenizer.tokens(post)
        assert_spans(post, tokens)
        ids = [token.id for token in tokens]
        assert ids[: len(windows[0])] == windows[0]
        assert ids[-len(windows[-1]) :] == windows[-1]
        assert set(ids) == {found for window in windows for found in window}
        text = normalise(post).text
        read = text if len(text) <= 8192 else text[:4096] + text[-4096:]
        assert "".join(token.surface for token in tokens) == "".join(read.split())


def test_a_token_names_its_piece_and_its_place(tokenizer: Tokenizer) -> None:
    post = "  ﾊﾟﾝの本\u3000library!"
    tokens = tokenizer.tokens(post)
    assert "".join(token.surface for token in tokens) == "パンの本library!"
    last = tokens[-1]
    assert (last.piece, last.surface, post[last.start : last.end]) == ("!", "!", "!")
    first = tokens[0]
    assert post[first.start :].startswith("ﾊ")
    assert tokenizer.tokens("") == []


@pytest.mark.parametrize("post", ["LIBRARY Books", "ΟΔΟΣ", "İstanbul library", "STRAẞE İ"])
def test_tokens_are_those_that_are_scored_when_lower_cased(
    make_tokenizer: Callable[..., Path], post: str
) -> None:
    directory = make_tokenizer(do_lower_case=True)
    with (directory / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("##\u0307\n")  # lower-casing writes "İ" as "i" and this dot
    tokenizer = Tokenizer.load(directory)
    tokens = tokenizer.tokens(post)
    assert [token.id for token in tokens] == tokenizer.encode(post).head.ids[1:-1]
    assert_spans(post, tokens)


# What cannot be used is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("tokenizer_class", "BertTokenizerFast"),
        ("tokenizer_class", None),
        ("word_tokenizer_type", "sudachi"),
        ("word_tokenizer_type", None),
        ("subword_tokenizer_type", "character"),
        ("do_word_tokenize", False),
        ("do_subword_tokenize", False),
        ("mecab_dic", "nowhere_dic"),
        ("model_max_length", 2),
        ("cls_token", "<absent>"),
    ],
)
def test_another_kind_of_tokenizer_is_refused_by_name(
    make_tokenizer: Callable[..., Path], setting: str, value: object
) -> None:
    change = {"mecab_kwargs": {setting: value}} if setting == "mecab_dic" else {setting: value}
    with pytest.raises(UnsupportedTokenizer) as caught:
        Tokenizer.load(make_tokenizer(**change))
    assert setting in str(caught.value)
    assert value is None or str(value) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_dictionary_that_is_not_installed_is_named_with_its_command(
    make_tokenizer: Callable[..., Path],
) -> None:
    directory = make_tokenizer(mecab_kwargs={"mecab_dic": "ipadic"})
    with pytest.raises(DictionaryNotFound, match="pip install ipadic"):
        Tokenizer.load(directory)
    with pytest.raises(DictionaryNotFound, match="pip install ipadic"):
        dictionary_version("ipadic")
    for package in ("unidic-lite", "fugashi"):
        assert dictionary_version(package.replace("-", "_")) == importlib.metadata.version(package)


def test_a_missing_unidic_lite_is_named_with_its_command(
    make_tokenizer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = importlib.import_module

    def importing(name: str, package: str | None = None) -> types.ModuleType:
        if name == "unidic_lite":
            raise ModuleNotFoundError(f"No module named {name!r}")
        return really(name, package)

    monkeypatch.setattr(importlib, "import_module", importing)
    with pytest.raises(DictionaryNotFound, match="pip install unidic-lite") as caught:
        Tokenizer.load(make_tokenizer())
    assert "\n" not in str(caught.value)


def test_an_installed_dictionary_without_its_files_counts_as_missing(
    make_tokenizer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("unidic_lite.DICDIR", str(tmp_path))
    with pytest.raises(DictionaryNotFound, match="pip install unidic-lite"):
        Tokenizer.load(make_tokenizer())


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer_config.json"])
def test_a_missing_file_is_named(make_tokenizer: Callable[..., Path], name: str) -> None:
    directory = make_tokenizer()
    (directory / name).unlink()
    with pytest.raises(ArtifactCorrupt) as caught:
        Tokenizer.load(directory)
    assert str(directory / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer_config.json", b'{"tokenizer_class": '),
        ("tokenizer_config.json", b"[]"),
        ("tokenizer_config.json", b"\xff\xfe"),
        ("tokenizer_config.json", b""),
        ("vocab.txt", b"[PAD]\n\xff\n"),
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b"\xff\xfe"),
    ],
)
def test_an_unreadable_file_is_named(
    make_tokenizer: Callable[..., Path], name: str, content: bytes
) -> None:
    directory = make_tokenizer()
    (directory / name).write_bytes(content)
    with pytest.raises(ArtifactCorrupt) as caught:
        Tokenizer.load(directory)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"mecab_kwargs": "unidic_lite"},
        {"mecab_kwargs": {"mecab_dic": ["unidic_lite"]}},
        {"model_max_length": "long"},
    ],
    ids=json.dumps,
)
def test_a_setting_of_a_wrong_type_is_our_error(
    make_tokenizer: Callable[..., Path], change: dict[str, object]
) -> None:
    with pytest.raises((ArtifactCorrupt, UnsupportedTokenizer)):
        Tokenizer.load(make_tokenizer(**change))


def test_the_error_for_an_empty_vocabulary_is_ours(make_tokenizer: Callable[..., Path]) -> None:
    directory = make_tokenizer()
    (directory / "vocab.txt").write_bytes(b"")
    with pytest.raises(UnsupportedTokenizer, match="vocabulary"):
        Tokenizer.load(directory)


@pytest.mark.parametrize(
    "option",
    ["-p", "-r /nowhere", "-u user.dic", "-d /nowhere", "-o out.txt", "-F x", "-M", "--help"],
)
def test_mecab_options_that_read_files_or_crash_are_refused(
    make_tokenizer: Callable[..., Path], option: str
) -> None:
    directory = make_tokenizer(mecab_kwargs={"mecab_dic": "unidic_lite", "mecab_option": option})
    with pytest.raises(UnsupportedTokenizer, match="mecab_option"):
        Tokenizer.load(directory)


def test_a_harmless_mecab_option_is_passed_on(make_tokenizer: Callable[..., Path]) -> None:
    directory = make_tokenizer(mecab_kwargs={"mecab_dic": "unidic_lite", "mecab_option": "-M2"})
    assert Tokenizer.load(directory).encode("図書館").head.ids


def test_loading_again_takes_no_more_memory(model_directory: Path) -> None:
    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    Tokenizer.load(model_directory).encode("図書館")
    before = peak()
    for _ in range(10):
        Tokenizer.load(model_directory).encode("図書館")
    assert peak() - before < 50 * 2**20  # a tagger of its own takes 20 MB each time
