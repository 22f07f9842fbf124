"""Markdown that is made of names: each is shown as it is, and means nothing."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from riskclf.evaluation.markdown import as_markdown
from riskclf.evaluation.wording import Section, Table

PIECES = [*"[]()!<>*_`~\\|#&;:/.-+=1a \n", "http://", "www.", "&lt;", "あ"]
NAMES = st.lists(st.sampled_from(PIECES)).map("".join)


def inner(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or ()]


@given(NAMES)
@example("[the report](https://example.org)")
@example("![x](https://example.org/x.png)")
@example("<https://example.org> https://example.org www.example.org")
@example("[x]: https://example.org")
@example("`code` **bold** _it_ ~~no~~ &amp; \\[x\\]")
@example("close_call_1 a_b")
def test_the_name_of_a_slice_is_shown_as_it_is_and_is_no_link(name: str) -> None:
    table = Table("caption", ["slice"], [[name]])
    text = as_markdown("Title", [], [Section("Slices", [], [table])])
    found = inner(MarkdownIt("gfm-like", {"linkify": False}).parse(text))
    assert {token.type for token in found} <= {"text", "text_special"}
    shown = "".join(token.content for token in found)
    assert shown == "TitleSlicescaptionslice" + " ".join(name.split())
    assert "http:" not in text
    assert "https:" not in text
    assert "www." not in text
