"""A file is read in the encoding that it has, and what is not certain is said."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import pytest

import riskclf
from riskclf.errors import FormatError, InputError, ReadingWarning
from riskclf.language import Sentence
from riskclf.tables import Reject, TableFile, create_table, open_table
from tests.tables.helpers import read, texts, write

SHORT = ["明日ひま", "雨だ", "ｶﾅ もあるよ", "①番の電車", "今日はパンを焼いた。", "Good morning"]
EXAMPLE = Path(riskclf.__file__).with_name("example_posts.csv")
with EXAMPLE.open(encoding="utf-8", newline="") as _file:
    EXAMPLES = [row["text"] for row in csv.DictReader(_file)]


def table(posts: list[str]) -> str:
    return "id,text\r\n" + "".join(f'{n},"{post}"\r\n' for n, post in enumerate(posts))


def encoded(text: str, encoding: str) -> bytes:
    # euc_jis_2004 has the circled digits, which Python's euc_jp lacks.
    return text.encode({"euc-jp": "euc_jis_2004"}.get(encoding, encoding))


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp", "utf-16"])
@pytest.mark.parametrize("given", ["auto", "named"])
def test_an_encoding_is_found_or_named(tmp_path: Path, encoding: str, given: str) -> None:
    path = write(tmp_path / "t.csv", encoded(table(SHORT), encoding))
    file = TableFile(path, encoding=encoding if given == "named" else "auto")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert texts(file) == SHORT
        lines = [str(warning.message) for warning in told]
    # A byte order mark leaves nothing to guess.
    if given == "auto" and encoding != "utf-16":
        assert len(lines) == 1
        assert f"t.csv is not UTF-8; it is read as {encoding}" in lines[0]
    else:
        assert lines == []


def _holds(post: str, encoding: str) -> bool:
    try:
        post.encode(encoding)
    except UnicodeEncodeError:
        return False
    return not post.isascii()


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp"])
def test_the_guess_is_right_on_one_short_post(tmp_path: Path, encoding: str) -> None:
    posts = [
        x for x in [*SHORT, *EXAMPLES] if _holds(x, encoding) and any("ぁ" <= c <= "ヶ" for c in x)
    ]
    assert len(posts) >= 6
    for post in posts:
        path = write(tmp_path / "t.csv", table([post]).encode(encoding))
        with pytest.warns(ReadingWarning):
            assert texts(path) == [
                post.encode(encoding).decode(encoding)
            ]  # their wave dashes differ


@pytest.mark.parametrize("encoding", ["cp932", "utf-16"])
def test_json_lines_and_plain_lines_have_encodings_too(tmp_path: Path, encoding: str) -> None:
    for name, line in (("t.jsonl", '{{"text": "{}"}}'), ("t.txt", "{}")):
        content = "\n".join(line.format(post) for post in SHORT)
        path = write(tmp_path / name, content.encode(encoding))
        file = TableFile(path, "lines" if name == "t.txt" else None, encoding)
        assert texts(file) == SHORT


def test_the_first_posts_may_be_ascii(tmp_path: Path) -> None:
    posts = [*["Good morning"] * 20_000, "明日ひま", "雨だ"]
    path = write(tmp_path / "t.csv", table(posts).encode("cp932"))
    with pytest.warns(ReadingWarning, match="cp932"):
        assert texts(path) == posts


def test_bytes_that_cannot_be_decoded_cost_their_row_only(tmp_path: Path) -> None:
    lines = table(SHORT).encode("cp932").splitlines(keepends=True)
    lines[2] = b"1,\x82\r\n"
    lines[3] = b"2,a\xffb\r\n"
    file = TableFile(write(tmp_path / "t.csv", b"".join(lines)), encoding="cp932")
    rows, rejects = read(file)
    assert [row.values["text"] for row in rows] == [SHORT[0], *SHORT[3:]]
    assert rejects == [
        Reject(3, "text", Sentence("it is not cp932")),
        Reject(4, "text", Sentence("it is not cp932")),
    ]


def test_a_few_bad_rows_do_not_make_a_file_another_encoding(tmp_path: Path) -> None:
    lines = table([*SHORT, "a"]).encode().splitlines(keepends=True)
    lines[-1] = b"6,\x82\xa0\x82\xa2\r\n"
    rows, rejects = read(write(tmp_path / "t.csv", b"".join(lines)))
    assert [row.values["text"] for row in rows] == SHORT
    assert [reject.reason for reject in rejects] == ["it is not UTF-8"]
    content = b"text\n" + b"plain\n" * 5 + "une été\n".encode("latin-1")
    rows, rejects = read(write(tmp_path / "t.csv", content))
    assert (len(rows), [reject.reason for reject in rejects]) == (5, ["it is not UTF-8"])


def test_what_a_named_encoding_cannot_be_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", table(SHORT).encode("utf-8-sig"))
    with pytest.raises(FormatError, match="byte order mark of UTF-8 and cannot be cp932"):
        open_table(TableFile(path, encoding="Shift_JIS"))
    path = write(tmp_path / "t.csv", "text\n雨だ\n雪だ\n風だ\n".encode("cp932"))
    with pytest.raises(FormatError, match="is not UTF-8 text"):
        open_table(TableFile(path, encoding="utf8"))
    with pytest.raises(InputError, match="encoding 'latin-1' is not known; use one of: utf-8"):
        open_table(TableFile(path, encoding="latin-1"))


@pytest.mark.parametrize(
    ("encoding", "marked"),
    [("utf-8", False), ("utf-8-sig", True), ("cp932", True), ("utf-16", True)],
)
def test_csv_goes_back_to_a_spreadsheet_with_a_byte_order_mark(
    tmp_path: Path, encoding: str, marked: bool
) -> None:
    source = write(tmp_path / "t.csv", table(SHORT).encode(encoding))
    for target in ("o.csv", "o.tsv", "o.jsonl"):
        with (
            open_table(TableFile(source, encoding=encoding)) as found,
            create_table(tmp_path / target, columns=found.columns, dialect=found.dialect) as out,
        ):
            out.commit()
        content = (tmp_path / target).read_bytes()
        assert content.startswith(b"\xef\xbb\xbf") == (marked and target != "o.jsonl")
