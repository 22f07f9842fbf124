"""`riskclf info`."""

from __future__ import annotations

import json

import pytest

from tests.cli.helpers import (
    Fake,
    command,
    run,
    with_model,
)


def test_info_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info") == 0
    out = capsys.readouterr().out
    assert out == "model: somewhere\nversions:\n  dictionary: unidic_lite 1\nhash: ab12\n"
    assert run("info", "--json") == 0
    assert json.loads(capsys.readouterr().out) == Fake().info()


@with_model
def test_info_of_the_packaged_model_is_json() -> None:
    done = command("info", "--json")
    assert done.returncode == 0, done.stderr
    assert "unidic" in json.dumps(json.loads(done.stdout))
