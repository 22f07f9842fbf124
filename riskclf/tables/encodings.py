"""The encoding of a text file: the one that was named, or the one that its bytes suggest.

``auto`` finds it so: a byte order mark settles it; text that is valid UTF-8 is UTF-8; else the
lines that are not ASCII are read as cp932 and as EUC-JP. If one of the two gives Japanese (a fifth
of the characters or more are kana or Japanese punctuation), it is taken. If neither does,
`charset_normalizer` chooses among these and the encodings of Korean and Chinese. It comes second
since it takes a third of the EUC-JP files with a single short post for cp932; the kana rule was
right on all of them. An encoding that is not read is refused by its name.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from riskclf.errors import FormatError, InputError
from riskclf.language import Sentence

__all__ = ["AUTO", "BAD", "ENCODINGS", "ERRORS", "Encoding", "encoding_name", "find_encoding"]

AUTO = "auto"
ENCODINGS = {"utf-8": "UTF-8", "cp932": "cp932", "euc-jp": "EUC-JP", "utf-16": "UTF-16"}
"""The encodings that are read: as an option names them, and as messages do."""

ERRORS = "riskclf.tables"
"""The error handler to decode with: it puts `BAD` in the place of what cannot be decoded."""

BAD = "\udcff"
"""Half of a surrogate pair, which decoding never gives otherwise."""

# Python's cp932 gives these for five bytes that the encoding does not define.
_BAD_IN_CP932 = re.compile(f"[{BAD}\x80\xa0\uf8f1-\uf8f3]")

_UTF8_MARK = codecs.BOM_UTF8
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAME = {
    "utf-8-sig": "utf-8",
    "shift_jis": "cp932",
    "windows-31j": "cp932",
    "euc_jp": "euc-jp",
    "utf-16-le": "utf-16",
    "utf-16-be": "utf-16",
}
_CODECS = {"utf-8": "utf-8-sig", "cp932": "cp932", "euc-jp": "euc_jp"}

_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc、。]")
_NARROW_KANA = re.compile("[\uff61-\uff9f]")  # what EUC-JP looks like when it is read as cp932
_JAPANESE_SHARE = 0.2
_EAST_ASIAN = {"cp932": "cp932", "euc_jp": "euc-jp", "cp949": "", "gb18030": "", "big5": ""}
_FOR_LIBRARY = 1 << 15  # bytes; more make it slower and no surer


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a file."""

    name: str
    """One of `ENCODINGS`."""
    codec: str
    """What Python calls it; a byte order mark is skipped."""
    marked: bool
    """The file begins with a byte order mark."""

    @property
    def problem(self) -> Sentence:
        """Why a row with bytes that cannot be decoded is rejected."""
        return Sentence("it is not {encoding}", encoding=ENCODINGS[self.name])

    def is_bad(self, text: str) -> bool:
        """Whether the text, decoded with `ERRORS`, holds what could not be decoded."""
        return _is_bad(text, self.codec)


def encoding_name(given: str) -> str:
    """The name of an encoding in `ENCODINGS`, or ``auto``; other names of the same are known.

    Raises:
        InputError: it is not one that is read.
    """
    name = given.strip().lower()
    if name == AUTO:
        return name
    with contextlib.suppress(LookupError, ValueError):
        name = codecs.lookup(name).name
    name = _SAME.get(name, name)
    if name not in ENCODINGS:
        known = ", ".join((*ENCODINGS, AUTO))
        raise InputError(f"encoding '{given}' is not known; use one of: {known}")
    return name


def find_encoding(
    name: str, wanted: str, head: bytes, sample: Callable[[], Sequence[bytes]]
) -> Encoding:
    """The encoding of a file, checked against its first bytes.

    Args:
        name: of the file, for messages.
        wanted: what `encoding_name` gives.
        head: the first bytes of the file.
        sample: gives lines that are not ASCII; called when a guess needs them.

    Raises:
        FormatError: most lines cannot be read in that encoding, or none can be found.
    """
    found = _by_mark(name, wanted, head)
    if found is None:
        if wanted == "utf-16":
            # Nearly every line end, comma and quote has a zero byte before or after it.
            big = head[::2].count(0) > head[1::2].count(0)
            found = Encoding(wanted, "utf-16-be" if big else "utf-16-le", False)
        else:
            guess = _guess(name, head, sample()) if wanted == AUTO else wanted
            found = Encoding(guess, _CODECS[guess], False)
    if not _is_readable(head, found.codec):
        raise FormatError(
            f"{name} is not {ENCODINGS[found.name]} text: it is a binary file, or text in another "
            f"encoding; name it with --encoding ({', '.join(ENCODINGS)}), or save it as UTF-8"
        )
    return found


def _by_mark(name: str, wanted: str, head: bytes) -> Encoding | None:
    marked = None
    if head.startswith(_UTF8_MARK):
        marked = Encoding("utf-8", "utf-8-sig", True)
    elif head.startswith(_UTF16_MARKS):
        marked = Encoding("utf-16", "utf-16", True)
    if marked is not None and wanted not in (AUTO, marked.name):
        raise FormatError(
            f"{name} begins with the byte order mark of {ENCODINGS[marked.name]} and cannot be "
            f"{ENCODINGS[wanted]}; use --encoding {marked.name}"
        )
    return marked


def _guess(name: str, head: bytes, lines: Sequence[bytes]) -> str:
    """The encoding of lines none of which is ASCII."""
    if 2 * sum(_is_bad(_decoded(line, "utf-8"), "utf-8") for line in lines) <= len(lines):
        return "utf-8"
    if b"\0" in head:
        return "utf-8"  # a binary file: the caller refuses it
    shares = {}
    for encoding in ("cp932", "euc-jp"):
        codec = _CODECS[encoding]
        texts = [_decoded(line, codec) for line in lines]
        good = [text for text in texts if not _is_bad(text, codec)]
        if 10 * len(good) >= 9 * len(texts):
            shares[encoding] = _kana_share("".join(good))
    best = max(shares, key=shares.__getitem__, default="")
    if best and shares[best] >= _JAPANESE_SHARE:
        return best

    from charset_normalizer import from_bytes

    content = b"\n".join(lines)[:_FOR_LIBRARY]
    match = from_bytes(content, cp_isolation=list(_EAST_ASIAN)).best()
    if match is not None and (known := _EAST_ASIAN.get(match.encoding)):
        return known
    if _is_readable(head, "utf-8"):
        return "utf-8"  # its bad lines are few, and become rejects
    seems = "" if match is None else f", but seems to be {match.encoding}, which is not read"
    raise FormatError(
        f"{name} is not UTF-8 text{seems}; name its encoding with --encoding "
        f"({', '.join(ENCODINGS)}), or save it as UTF-8"
    )


def _kana_share(text: str) -> float:
    """Kana and Japanese punctuation less half-width kana, as a share of what is not ASCII."""
    others = sum(character > "\x7f" for character in text)
    return (len(_KANA.findall(text)) - len(_NARROW_KANA.findall(text))) / max(others, 1)


def _is_readable(head: bytes, codec: str) -> bool:
    """Whether at least half of the lines hold neither NUL nor what cannot be decoded.

    Single bad lines are rejects; a file that is mostly unreadable is not the text it claims.
    """
    lines = _decoded(head, codec).split("\n")
    if len(lines) > 1:
        lines.pop()  # empty, or only the beginning of a line
    return 2 * sum("\0" in line or _is_bad(line, codec) for line in lines) <= len(lines)


def _is_bad(text: str, codec: str) -> bool:
    if codec == "cp932":
        return _BAD_IN_CP932.search(text) is not None
    return BAD in text


def _decoded(content: bytes, codec: str) -> str:
    # Incremental, because the content may end in the middle of a character.
    return codecs.getincrementaldecoder(codec)(ERRORS).decode(content)


def _mark_bad(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    pair = error.object[error.start : error.start + 2]
    if error.encoding == "euc_jp" and pair[:1] == b"\xad" and len(pair) == 2:
        # Circled digits and the like, which Windows writes and Python's codec does not know.
        return pair.decode("euc_jis_2004", "replace").replace("\ufffd", BAD), error.start + 2
    return BAD, error.end


codecs.register_error(ERRORS, _mark_bad)
