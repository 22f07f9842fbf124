"""A harmless post that can be found again wherever it goes, in whatever encoding."""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

__all__ = ["Canary"]

_KANA = "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわ"
_LETTERS = "bcdfghjkmnpqrstvwxz"
_MOST, _SMALL = 64 * 2**20, 2**20


@dataclass(frozen=True)
class Canary:
    """An everyday sentence with two random words, one of kana and one of letters."""

    kana: str
    letters: str

    @classmethod
    def drawn(cls, seed: int) -> Canary:
        """A canary of this seed."""
        chance = random.Random(seed)
        return cls("".join(chance.sample(_KANA, 9)), "".join(chance.choices(_LETTERS, k=10)))

    @property
    def post(self) -> str:
        """The post; its letters are wide, so that normalising it changes them."""
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in self.letters)
        return f"図書館で{self.kana}という本を借りた、次は{wide}を読みたい"

    def forms(self) -> dict[str, bytes]:
        """The random words in each encoding that is searched for, by its name."""
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in self.letters)
        found: dict[str, bytes] = {}
        for name, word in (("kana", self.kana), ("letters", self.letters), ("wide", wide)):
            found |= {
                f"{name} as UTF-8": word.encode(),
                f"{name} as UTF-16": word.encode("utf-16-le"),
                f"{name} as UTF-16, big-endian": word.encode("utf-16-be"),
                f"{name} as UTF-32": word.encode("utf-32-le"),
            }
            for start in range(3):  # Base64 depends on the place of a byte among three
                plain = b" " * start + word.encode()
                packed = base64.b64encode(plain + b" " * (-len(plain) % 3))
                # Without the letters that hold a part of what is beside the word.
                found[f"{name} as Base64, {start}"] = packed[
                    -(-start * 8 // 6) : len(plain) * 8 // 6
                ]
            if not word.isascii():
                found |= {
                    f"{name} as JSON": json.dumps(word)[1:-1].encode(),
                    f"{name} as an URL": urllib.parse.quote(word).encode(),
                    f"{name} as cp932": word.encode("cp932"),
                    f"{name} as EUC-JP": word.encode("euc-jp"),
                    f"{name} as references": "".join(f"&#{ord(x)};" for x in word).encode(),
                    f"{name} as repr": repr(word.encode())[2:-1].encode(),
                }
        return found

    def found_in(self, content: bytes, deep: bool = True) -> list[str]:
        """In which encodings a word is in the content, or in what is compressed in it."""
        lower = content.lower()
        # A line that was broken for a terminal is whole again without blanks and frames.
        joined = re.sub("[\\s\u2500-\u257f]", "", content.decode("utf-8", "ignore")).encode()
        found = [
            name
            for name, form in self.forms().items()
            if form in content or form.lower() in lower or form in joined
        ]
        if deep:
            for part in _unpacked(content):
                found += [f"packed: {name}" for name in self.found_in(part, deep=False)]
        return found

    def files_with(self, directory: Path) -> dict[Path, list[str]]:
        """The files below a directory that hold a word, in their content or in their name."""
        found = {}
        for path in sorted(directory.rglob("*")):
            names = self.found_in(str(path.relative_to(directory)).encode(), deep=False)
            if path.is_file() and not path.is_symlink():
                names += self.found_in(path.read_bytes())
            if names:
                found[path] = names
        return found


def _unpacked(content: bytes) -> Iterator[bytes]:
    """The parts of a gzip, ZIP (so XLSX, NPZ and torch's files) or Parquet file, and zlib."""
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(content)) as archive:
            for info in archive.infolist():
                if info.file_size < _MOST:
                    yield archive.read(info)
    elif content.startswith(b"PAR1"):
        import pyarrow.parquet as pq

        yield json.dumps(pq.read_table(BytesIO(content)).to_pylist(), default=str).encode()
    else:
        # Such as parts of a PDF or of a browser's cache.
        for start in re.finditer(b"\x78[\x01\x9c\xda]", content[:_SMALL]):
            try:
                yield zlib.decompressobj().decompress(content[start.start() :], _MOST)
            except zlib.error:
                continue
