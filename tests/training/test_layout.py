"""`training/` is laid out as docs/architecture.md says, and every module says what it offers."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import training

MODULES = sorted(module.name for module in pkgutil.walk_packages(training.__path__, "training."))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_documents_and_lists_its_public_names(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    listed: list[str] = module.__all__
    assert len(listed) == len(set(listed))
    defined = {
        public
        for public, value in vars(module).items()
        if not public.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == name
    }
    assert defined <= set(listed)
    for public in listed:
        assert hasattr(module, public)
        if public in defined:
            assert getattr(module, public).__doc__, public


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_longer_than_400_lines(name: str) -> None:
    file = Path(importlib.import_module(name).__file__ or "")
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400
