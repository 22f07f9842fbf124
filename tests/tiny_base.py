"""A base encoder and corpora small enough for a test, as a hub gives them, and scored rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

LINES = {
    "ja": [
        f"今日は{place}で{thing}を{n}回見た"
        for n in (2, 3, 4)
        for place in ("駅", "店", "海")
        for thing in ("猫", "犬", "本", "絵")
    ],
    "en": [f"I saw {n} {thing} today" for n in range(2, 8) for thing in ("cats", "dogs", "books")],
    "ko": [f"오늘 {thing} {n} 봤다" for n in range(2, 8) for thing in ("고양이", "책", "그림")],
    "zh": [f"我今天看了{n}{thing}" for n in range(2, 8) for thing in ("只猫", "本书", "张画")],
}
"""Plain lines by language."""


def benign_rows(right: Sequence[float], families: str) -> list[dict[str, Any]]:
    """Rows to evaluate, whose right label a model gives these probabilities; a letter a family."""
    return [
        {
            "label": "benign",
            "family": family,
            "riskclf_label": "benign",
            "riskclf_decision": "clear",
            "riskclf_risk": 1 - p,
            "riskclf_score_minor_solicitation": 1 - p,
            "riskclf_score_adult_solicitation": 0.0,
            "riskclf_score_benign": p,
            "riskclf_risk_labels": "minor_solicitation|adult_solicitation",
        }
        for p, family in zip(right, families, strict=True)
    ]


def write_base(directory: Path, *, layers: int = 4) -> Path:
    """A random `BertModel` of 16 dimensions with a Unigram tokenizer that can read `LINES`."""
    letters = sorted({c for lines in LINES.values() for line in lines for c in line} - {" "})
    words = sorted({f"\u2581{word}" for line in LINES["en"] for word in line.split()})
    pieces = [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
        "\u2581",
        *letters,
        *words,
        "今日",
        "猫を",
        "##",
        "###",
        "<mask>",
    ]
    tokenizer = Tokenizer(
        Unigram([(piece, -float(min(i, 20))) for i, piece in enumerate(pieces)], unk_id=3)
    )
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    config = BertConfig(
        vocab_size=len(pieces) + 3,  # like multilingual-e5-small, more rows than pieces
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
        initializer_range=0.3,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    return directory


def write_corpora(directory: Path) -> Path:
    """A corpus directory: a file of each language, and one of each closed use."""
    directory.mkdir(parents=True, exist_ok=True)
    manifest = []
    for language, lines in LINES.items():
        manifest.append(
            write_corpus(directory, f"{language}.txt", lines, language, ["adapt", "benign"])
        )
    manifest.append(write_corpus(directory, "held.txt", ["秘密の行です"], "ja", ["heldout"]))
    manifest.append(write_corpus(directory, "task.csv", [",sent,label"], "ja", ["outside task"]))
    return write_manifest(directory, manifest)


def write_manifest(directory: Path, entries: list[dict[str, object]]) -> Path:
    """The manifest.json of a corpus directory."""
    text = json.dumps(entries, ensure_ascii=False)
    (directory / "manifest.json").write_text(text, encoding="utf-8")
    return directory


def write_corpus(
    directory: Path, name: str, lines: list[str], language: str, uses: list[str]
) -> dict[str, object]:
    """One file of a corpus directory; returns its entry for the manifest."""
    content = "".join(line + "\n" for line in lines).encode("utf-8")
    (directory / name).write_bytes(content)
    return {
        "file": name,
        "language": language,
        "what": "lines for a test",
        "licence": "CC0 1.0",
        "repository": "github:someone/lines",
        "commit": "c0ffee",
        "sha256": hashlib.sha256(content).hexdigest(),
        "lines": len(lines),
        "use": uses,
    }
