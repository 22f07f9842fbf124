"""A model directory by somebody who means ill is refused in one line, before it labels a post."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile.directories import ALLOWED, HOSTILE, TRACE, Hostile, build
from tests.hostile.loading import Loading, faults, load_all
from tests.hostile.mutations import JSON_FILES, SAFETENSORS, change_bytes, change_json, fault_of


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only."""
    return build(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def loadings(good: Path, work: Path) -> dict[str, Loading]:
    """What became of each directory, in a process that has little memory."""
    return load_all(good, work)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_it_is_refused_in_one_line_at_once(loadings: dict[str, Loading], hostile: Hostile) -> None:
    assert not faults(loadings[hostile.name], hostile.file, hostile.says)


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_never_read_does_no_harm(loadings: dict[str, Loading], name: str) -> None:
    assert not loadings[name].error, loadings[name].message


def test_no_pickle_was_run(loadings: dict[str, Loading], work: Path) -> None:
    assert loadings
    assert not [*work.rglob(TRACE)]


@settings(max_examples=60)
@given(
    name=st.sampled_from(
        [(x, change_json) for x in JSON_FILES] + [(x, change_bytes) for x in SAFETENSORS]
    ),
    chance=st.randoms(use_true_random=False),
)
def test_a_change_by_chance_is_refused_or_does_no_harm(
    good: Path,
    tmp_path_factory: pytest.TempPathFactory,
    name: tuple[str, Callable[[Path, str, Random], str]],
    chance: Random,
) -> None:
    directory = tmp_path_factory.mktemp("changed") / "model"
    shutil.copytree(good, directory)
    file, change = name
    done = change(directory, file, chance)
    fault = fault_of(directory)
    shutil.rmtree(directory)
    assert not fault, done
