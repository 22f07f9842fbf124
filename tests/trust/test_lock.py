"""CI installs the versions that constraints.txt names, from files whose hash is known."""

from __future__ import annotations

import json
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.trust.lock import LOCKED, PLATFORM, ROOT, read_hashes, read_locked
from tests.trust.supply import SBOM

CONSTRAINTS: dict[str, str] = {
    canonicalize_name(line.split("==")[0]): line.split("==")[1]
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if "==" in line
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_locked_versions_are_those_of_the_constraints() -> None:
    locked = read_locked()
    assert len(locked) > 150
    without_build = {name: version.partition("+")[0] for name, version in locked.items()}
    assert without_build == {name: CONSTRAINTS[name] for name in locked}


def _names(*extras: str) -> set[str]:
    """What the project itself asks for, with these extras."""
    found: set[str] = set()
    for line in PROJECT["dependencies"] + [
        line for extra in extras for line in PROJECT["optional-dependencies"][extra]
    ]:
        wanted = Requirement(line)
        own = wanted.name == PROJECT["name"]
        found |= _names(*wanted.extras) if own else {canonicalize_name(wanted.name)}
    return found


def test_everything_that_ci_installs_is_locked() -> None:
    assert _names("docs", "test") <= set(read_locked())


def test_every_dependency_has_a_version_in_the_constraints() -> None:
    assert _names(*PROJECT["optional-dependencies"]) <= set(CONSTRAINTS)


def test_ci_compares_on_the_platform_of_the_list() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert f'"{PLATFORM}"' in ci
    assert LOCKED.read_text(encoding="utf-8").startswith(f"# {PLATFORM}")


def test_the_list_of_components_has_every_locked_package_with_its_hash() -> None:
    listed = json.loads(SBOM.read_text(encoding="utf-8"))["components"]
    hashes = {
        canonicalize_name(x["name"]): x["hashes"][0]["content"] for x in listed if "hashes" in x
    }
    assert hashes == read_hashes()
    without = {x["name"] for x in listed if "hashes" not in x}
    assert without <= {"pip", "riskclf"}  # pip came with the interpreter
