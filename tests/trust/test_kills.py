"""Commands that are killed, briefly; `tests.trust.kills` and `tests.trust.faults` take hours."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.trust import kills
from tests.trust.faults import jump_clocks


@pytest.fixture
def one(model_directory: Path, tmp_path: Path) -> kills.Kills:
    shutil.copytree(model_directory, tmp_path / "model")
    return kills.Kills(tmp_path)


def test_a_killed_triage_opens_all_cases_or_none(one: kills.Kills) -> None:
    kills.triage(one, 2)
    assert one.failures == []
    assert one.killed["triage"] == 2


def test_a_killed_page_loses_no_step_that_it_answered(one: kills.Kills) -> None:
    kills.review(one, 2)
    assert one.failures == []


def test_a_killed_service_answers_nothing_half_and_gives_its_port_back(one: kills.Kills) -> None:
    kills.serve(one, 2)
    assert one.failures == []


def test_a_clock_that_jumps_neither_loses_nor_repeats_a_decision(tmp_path: Path) -> None:
    assert jump_clocks(tmp_path, random.Random(1), 30) == []
