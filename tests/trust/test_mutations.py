"""What mutmut changes and runs is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from riskclf.errors import MissingExtra
from tests.trust import mutations
from tests.trust.check import Check
from tests.trust.lock import ROOT


@pytest.mark.parametrize("name", ["only_mutate", "pytest_add_cli_args_test_selection"])
def test_every_file_that_the_settings_name_is_there(name: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    missing = [pattern for pattern in settings["mutmut"][name] if not [*ROOT.glob(pattern)]]
    assert not missing


@pytest.mark.parametrize("check", mutations.CHECKS, ids=lambda check: check.name)
def test_without_its_tool_the_command_that_installs_it_is_named(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.trust.check.find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'riskclf\[audit\]'"):
        check.run(tmp_path, 0.01)
