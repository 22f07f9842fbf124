"""MeCab (fugashi) and its dictionaries."""

from __future__ import annotations

import importlib
import re
from functools import cache
from importlib import metadata
from pathlib import Path

import fugashi

from riskclf.errors import DictionaryNotFound, UnsupportedTokenizer

__all__ = ["dictionary_version", "mecab_options", "tagger"]

# -M bounds the length of unknown words. Others name files (-d, -r, -u, -o), change what is written
# (-F), or crash the process with a damaged dictionary (-p).
_MECAB_OPTIONS = r"-Owakati|-M\d{1,3}"

_DICTIONARIES = {"unidic_lite": "unidic-lite", "ipadic": "ipadic", "unidic": "unidic"}


def dictionary_version(dictionary: str) -> str:
    """Version of an installed MeCab dictionary package.

    Raises:
        DictionaryNotFound: it is not installed.
    """
    package = _DICTIONARIES.get(dictionary, dictionary)
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise _not_installed(dictionary) from None


def _not_installed(dictionary: str) -> DictionaryNotFound:
    package = _DICTIONARIES.get(dictionary, dictionary)
    return DictionaryNotFound(
        f"the MeCab dictionary {dictionary!r} is not installed: run `pip install {package}`"
    )


def tagger(dictionary: str, option: str) -> fugashi.GenericTagger:
    """MeCab with a dictionary, writing words separated by blanks.

    Args:
        dictionary: `mecab_dic` of a model's tokenizer_config.json.
        option: its `mecab_option`.

    Raises:
        DictionaryNotFound: the dictionary is not installed.
        UnsupportedTokenizer: dictionary or option is not one that riskclf passes to MeCab.
    """
    if dictionary not in _DICTIONARIES:
        raise UnsupportedTokenizer(
            f"mecab_dic {dictionary[:40]!r} is not known: use one of {', '.join(_DICTIONARIES)}"
        )
    try:
        directory = Path(importlib.import_module(dictionary).DICDIR)
    except ImportError:
        raise _not_installed(dictionary) from None
    if not (directory / "sys.dic").is_file():
        raise _not_installed(dictionary)
    words = option.split()
    if not all(re.fullmatch(_MECAB_OPTIONS, word) for word in words):
        raise UnsupportedTokenizer(
            f"mecab_option {option[:40]!r} is not supported: riskclf passes only -Owakati and -M "
            "with a number (such as -M24) to MeCab, since others read files or crash it; use a "
            "model without it"
        )
    return _mecab(" ".join([mecab_options(directory), "-Owakati", *words]))


@cache
def _mecab(options: str) -> fugashi.GenericTagger:
    """One for the whole process: each holds some 20 MB that MeCab never gives back."""
    return fugashi.GenericTagger(options)


def mecab_options(dictionary: str | Path) -> str:
    """What tells MeCab to read this directory's dictionary, and not one that it prefers."""
    return f'-d "{dictionary}" -r "{Path(dictionary) / "mecabrc"}"'
