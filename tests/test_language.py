"""The Japanese catalogue holds every sentence, and the switch between the languages works."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from riskclf.errors import InputError
from riskclf.language import Sentence, gettext, ngettext, speaking
from tests.catalogue import MO, in_code, translated

HOW_TO = "run `python -m tests.catalogue`, translate what is empty in riskclf.po, run it again"


def sentences(catalogue: Catalog) -> dict[tuple[str | None, ...], tuple[str, ...]]:
    """Context and English (singular, plural) to Japanese, without the header."""

    def forms(text: str | Sequence[str] | None) -> tuple[str, ...]:
        return (text,) if isinstance(text, str) else tuple(text or ())

    return {(x.context, *forms(x.id)): forms(x.string) for x in catalogue if x.id}


def test_the_catalogue_has_the_sentences_of_the_code_and_no_others() -> None:
    known, wanted = translated(), in_code()
    assert sentences(known).keys() == sentences(wanted).keys(), HOW_TO
    assert not known.obsolete, HOW_TO


def test_every_sentence_is_translated_with_the_same_values() -> None:
    assert not [x.id for x in translated() if x.id and x.fuzzy]
    for (*_context, english), (japanese,) in sentences(translated()).items():
        assert english is not None
        assert japanese, f"{english!r} is not translated; {HOW_TO}"
        one, other = (Counter(re.findall(r"\{[a-z_]+[^}]*\}", x)) for x in (english, japanese))
        assert one == other, english


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    with MO.open("rb") as file:
        assert sentences(read_mo(file)) == sentences(translated()), HOW_TO


def test_the_language_is_that_of_the_innermost_block_and_english_outside() -> None:
    assert gettext("Labels") == "Labels"
    with speaking("ja"):
        assert gettext("Labels") == "ラベル"
        with speaking("en"):
            assert gettext("Labels") == "Labels"
        assert gettext("Labels") == "ラベル"
        assert gettext("not in the catalogue") == "not in the catalogue"
    assert gettext("Labels") == "Labels"


def test_a_sentence_is_english_until_it_is_shown_and_keeps_its_values() -> None:
    reason = Sentence("it is {kind}, not text", kind=Sentence("a list"))
    assert reason == "it is a list, not text"
    with speaking("ja"):
        assert reason == "it is a list, not text"
        assert reason.translated() == "文字列ではありません（リスト）"
        name = Sentence("it has a column '{name}', which the first row does not have", name="{a} b")
        assert name.translated() == "最初の行にない列「{a} b」があります"
    assert reason.translated() == reason


def test_another_thread_keeps_its_language() -> None:
    with speaking("ja"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(gettext, "Labels").result() == "Labels"


def test_japanese_has_one_form_for_any_number() -> None:
    one = "{count:,} row repeats the id of an earlier row; both count."
    more = "{count:,} rows repeat the id of an earlier row; all of them count."
    assert [ngettext(one, more, n) for n in (1, 2)] == [one, more]
    with speaking("ja"):
        assert ngettext(one, more, 1) == ngettext(one, more, 2) != one


def test_a_language_that_is_not_there_is_refused_with_those_that_are() -> None:
    with (
        pytest.raises(InputError, match="'fr' is not available; choose one of en, ja"),
        speaking("fr"),
    ):
        pass
