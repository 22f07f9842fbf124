"""The fuzzers' targets in short, without atheris, and the bombs at a small size."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from riskclf.errors import MissingExtra
from riskclf.text import normalise
from tests.trust import http, readers, text
from tests.trust.fuzzing import LONGEST, Target, fault, mutated

TARGETS = (*text.TARGETS, *readers.TARGETS, *http.TARGETS)
TARGETS_IN_SHORT = {
    "normalise": 300,
    "CSV": 150,
    "JSON Lines": 150,
    "predict and explain, a small model": 20,
    "predict and explain, the packaged model": 4,
}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_seeds_and_changed_seeds_keep_the_promise(target: Target, tmp_path: Path) -> None:
    check = target.prepare(tmp_path)
    count = TARGETS_IN_SHORT.get(target.name, 40)
    for content in islice(mutated(target.seeds, count), count):
        check(content[:LONGEST])


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> list[Callable[[bytes], None]]:
    return [target.prepare(tmp_path_factory.mktemp("text")) for target in text.TARGETS[:3]]


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=())))
@example("\ud800\u0301" * 40)
@example("\u202e" + "ab\u2069" * 9 + "\U000e0067")
def test_any_text_keeps_the_promise(checks: list[Callable[[bytes], None]], raw: str) -> None:
    content = raw.encode("utf-8", "surrogatepass")
    assert text.text_of(content) == raw
    for check in checks:
        check(content)


@pytest.mark.parametrize("kind", ["marks alone", "look-alikes", "NUL"])
def test_time_for_a_text_grows_with_its_length_and_no_faster(kind: str) -> None:
    assert text.growth(normalise, text.KINDS[kind], 10_000) <= text.LINEAR


@pytest.mark.parametrize("name", ["far.xlsx", "line.csv.gz"])
def test_a_file_that_would_fill_memory_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(readers.BOMBS[name](40 << 20))
    status, said, megabytes = readers.peak(path, tmp_path)
    assert status in (1, 2), said
    assert 50 < megabytes < 600
    assert "Traceback" not in said
    assert not (status == 2 and said.count("\n") > 1), said


def test_a_broken_promise_is_told_without_the_text() -> None:
    def broken(content: bytes) -> None:
        raise ValueError(content)

    assert fault(broken, b"rain").startswith("ValueError at test_fuzzing.py:")
    assert fault(lambda content: None, b"rain") == ""


def test_time_that_grows_with_the_square_of_the_length_is_found() -> None:
    def square(raw: str) -> None:
        for _ in range(len(raw) // 20):
            raw.count("z")

    assert text.growth(square, "a", 5_000, least=0.002) > text.LINEAR


@pytest.mark.parametrize("kind", ["marks alone", "separators"])
def test_memory_for_a_text_grows_with_its_length_and_no_faster(kind: str) -> None:
    assert text.memory_growth(normalise, text.KINDS[kind], 10_000) <= text.LINEAR


def test_memory_that_grows_with_the_square_of_the_length_is_found() -> None:
    assert text.memory_growth(lambda raw: bytes(len(raw) ** 2), "a", 2_000) > text.LINEAR


def test_without_atheris_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.trust.check.find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'riskclf\[audit\]'"):
        http.CHECK.run(tmp_path, 0.01)
