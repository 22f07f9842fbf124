"""The names that users may rely on, and what importing them costs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import riskclf
from riskclf import errors

ROOT = Path(riskclf.__file__).parent.parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(riskclf.__path__, "riskclf.")
    if module.name != "riskclf.__main__"
)


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def defined_here(module: types.ModuleType) -> set[str]:
    """Public names whose value was made in the module, or that are plain values of it."""
    names = set()
    for name, value in vars(module).items():
        home = getattr(value, "__module__", None)
        is_code = inspect.isclass(value) or inspect.isfunction(value)
        if not name.startswith("_") and is_code and home == module.__name__:
            names.add(name)
    return names


def test_the_package_exposes_what_it_lists_and_nothing_else() -> None:
    code = (
        "import riskclf, types\n"
        "names = [n for n in dir(riskclf) if not n.startswith('_') or n == '__version__']\n"
        "values = {n: getattr(riskclf, n) for n in names}\n"
        "print(*[n for n, v in values.items() if not isinstance(v, types.ModuleType)\n"
        "        and getattr(v, '__module__', 'riskclf').startswith('riskclf')])"
    )
    # Constants such as TYPE_CHECKING have no module, and are not meant.
    found = set(run(code).split()) - {"TYPE_CHECKING"}
    assert found == set(riskclf.__all__)


def test_every_name_of_the_package_is_there() -> None:
    for name in riskclf.__all__:
        assert getattr(riskclf, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = riskclf.no_such_name


@pytest.mark.parametrize("name", MODULES)
def test_a_module_lists_all_its_public_names(name: str) -> None:
    module = importlib.import_module(name)
    listed: list[str] = module.__all__
    if name != "riskclf.cli.app":  # whose functions are commands, public in the shell only
        assert defined_here(module) <= set(listed)
    assert all(hasattr(module, public) for public in listed)
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_and_its_public_names_are_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for public in defined_here(module) & set(module.__all__):
        assert getattr(module, public).__doc__, public


@pytest.mark.parametrize("statement", ["import riskclf", "from riskclf import Label, Prediction"])
def test_importing_the_package_loads_nothing_heavy(statement: str) -> None:
    heavy = {"torch", "transformers", "numpy", "scipy", "sklearn", "fugashi", "datasets", "pyarrow"}
    assert run(f"import sys\n{statement}\nprint(*({heavy!r} & set(sys.modules)))") == ""


def test_the_classifier_is_loaded_on_first_use() -> None:
    code = (
        "import sys, riskclf\n"
        "assert 'RiskClassifier' in dir(riskclf)\n"
        "assert 'torch' not in sys.modules\n"
        "print(riskclf.RiskClassifier.__name__)"
    )
    assert run(code) == "RiskClassifier"


def test_the_exception_tree_is_as_drawn() -> None:
    lines = re.findall(r"^    ( *[│├└─ ]*)(\w+)", errors.__doc__ or "", re.MULTILINE)
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for branch, name in lines:
        while above and above[-1][0] >= len(branch):
            above.pop()
        drawn[name] = above[-1][1] if above else "Exception"
        above.append((len(branch), name))
    real = {name: getattr(errors, name).__bases__[0].__name__ for name in errors.__all__}
    assert drawn == real


def test_every_exception_can_be_caught_as_one_of_ours() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), riskclf.RiskclfError)
        assert getattr(errors, name).__doc__
    assert issubclass(errors.NotText, TypeError)
    assert issubclass(errors.MissingExtra, ImportError)


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", riskclf.__version__)
