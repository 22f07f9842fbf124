"""Words for messages, none of which holds the text of a post."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from riskclf.language import Sentence

__all__ = ["cause", "kind_of", "lacks_column", "listed"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_SHOWN = 30
# fmt: off
_HEADINGS = frozenset((
    "本文", "投稿", "投稿文", "投稿内容", "内容", "文章", "テキスト", "メッセージ", "コメント",
    "ツイート", "ポスト", "件名", "タイトル", "番号", "連番", "投稿番号", "投稿日", "投稿日時",
    "投稿者", "日付", "日時", "時刻", "作成日", "作成日時", "ユーザー", "ユーザー名", "アカウント",
    "アカウント名", "氏名", "名前", "ラベル", "正解", "判定", "分類", "区分", "種別", "言語",
    "リンク", "備考", "メモ", "地域", "媒体", "サイト", "出典",
))
# fmt: on
"""Japanese headings that may be shown: no post is one of these words alone."""
_SEPARATORS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}


def listed(names: Sequence[str]) -> str:
    """Column names for a message; those that may be the text of a post are only counted.

    In a file without a header the "names" are a post. A short one is shown only if it is one word
    of ASCII letters, digits and signs, which a Japanese post is not, or a usual heading.
    """
    shown = [f"'{name}'" for name in names if _is_heading(name)][:_SHOWN]
    rest = len(names) - len(shown)
    if not rest:
        return ", ".join(shown) or "none"
    if not shown:
        return "1 that is not shown" if rest == 1 else f"{rest:,} that are not shown"
    return f"{', '.join(shown)} and {rest:,} more"


def lacks_column(name: str, column: str, columns: Sequence[str], hint: str) -> str:
    """Why a table without a column that is needed is refused; for an error.

    Args:
        name: of the table.
        column: that it lacks.
        columns: that it has. A single one may be a post of one word, and is not shown.
        hint: what to do if another column is meant.
    """
    if len(columns) == 1:
        if separator := _separator_in(columns[0], column):
            parts = columns[0].split(separator)
            shown = f" '{columns[0]}'" if all(map(_is_heading, parts)) else ""
            name_of_it = _SEPARATORS[separator]
            return (
                f"{name} has no column '{column}', and only one column{shown}: is {name_of_it} the "
                f"separator? Then use --delimiter {name_of_it}"
            )
        return (
            f"{name} has no column '{column}', and only one column: its first line must name the "
            f"columns; or {hint}"
        )
    return f"{name} has no column '{column}'; its columns are {listed(columns)}; {hint}"


def _is_heading(name: str) -> bool:
    return _NAME.fullmatch(name) is not None or name in _HEADINGS


def _separator_in(line: str, column: str) -> str | None:
    """The separator that the only column of a table may hold: the one that gives `column`, or the
    most frequent one.
    """
    found = [separator for separator in _SEPARATORS if separator in line]
    return max(found, key=lambda x: (column in line.split(x), line.count(x)), default=None)


def kind_of(value: Any) -> Sentence:
    """What kind of value it is, as JSON calls it."""
    if isinstance(value, bool):
        return Sentence("a boolean")
    kinds = {
        type(None): Sentence("null"),
        str: Sentence("a string"),
        int: Sentence("a number"),
        float: Sentence("a number"),
        list: Sentence("a list"),
    }
    return kinds.get(type(value), Sentence("an object"))


def cause(error: Exception) -> str:
    """Why an operation on a file failed, in the words of the operating system."""
    return getattr(error, "strerror", None) or str(error)
