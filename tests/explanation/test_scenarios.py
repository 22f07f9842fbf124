"""Scenarios of the known posts that a post is nearest to."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskclf import RiskClassifier
from riskclf.artifact import Artifact
from riskclf.errors import NotText
from riskclf.explanation.scenarios import SCENARIO_OF, scenario_words
from riskclf.language import speaking
from tests.experts import RAIN, with_experts


@pytest.fixture(scope="module")
def packaged() -> RiskClassifier:
    return RiskClassifier.load(device="cpu", threads=1)


def test_every_family_of_the_packaged_model_has_a_name_in_both_languages(
    packaged: RiskClassifier,
) -> None:
    neighbours = packaged._artifact.experts.neighbours
    assert neighbours is not None
    assert {*neighbours.families} - {""} == {*SCENARIO_OF}
    with speaking("ja"):
        assert not any(scenario_words(name).isascii() for name in SCENARIO_OF.values())


def test_two_scenarios_are_named_the_nearest_first(packaged: RiskClassifier) -> None:
    first, second = packaged.nearest("家出中の高校生です。今夜泊めてくれる人いませんか")
    assert first.name == "lodging for a night, asked for or offered"
    assert first.label == "minor_solicitation"
    assert first.name != second.name
    assert 1 >= first.similarity >= second.similarity


def test_nothing_is_named_where_nothing_was_read(packaged: RiskClassifier) -> None:
    assert packaged.nearest("") == packaged.nearest("\ufffd\ufffd\ufffd") == ()
    with pytest.raises(NotText):
        packaged.nearest(["a post"])  # type: ignore[arg-type]


def test_families_of_ones_own_are_not_named(
    model_directory: Path, tmp_path: Path, loaded: Artifact
) -> None:
    own = RiskClassifier(with_experts(model_directory, tmp_path / "model"))
    assert own.nearest(RAIN[0]) == ()
    assert RiskClassifier(loaded).nearest(RAIN[0]) == ()
