"""What a plain installation brings suffices, and a missing extra is named."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import riskclf
from tests.conftest import MakeModel

ROOT = Path(riskclf.__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LEFT_OUT = ("datasets", "evaluate", "pyspark", "pytest", "statsmodels")


def _needed() -> list[metadata.Distribution]:
    """The installed distributions that the dependencies of riskclf bring, without extras."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [Requirement(x) for x in PROJECT["dependencies"]]
    seen = set()
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(str(wanted))
        own = metadata.distribution(wanted.name)
        found[canonicalize_name(own.name)] = own
        for line in own.requires or ():
            further = Requirement(line)
            chosen = [x for x in wanted.extras if x in str(further.marker or "")]
            if chosen and further.marker and further.marker.evaluate({"extra": chosen[0]}):
                further.marker = None
            waiting.append(further)
    return list(found.values())


@pytest.fixture(scope="module")
def plain_installation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python that sees riskclf and what it depends on, and nothing else."""
    site = tmp_path_factory.mktemp("site")
    (site / "riskclf").symlink_to(ROOT / "riskclf")
    for distribution in _needed():
        tops = {file.parts[0] for file in distribution.files or ()}
        for top in tops - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(str(distribution.locate_file(top)))
    return os.environ | {"PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"}


def _run(code: str, environment: dict[str, str], directory: Path) -> str:
    # -S: without the packages of the environment that runs the tests.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        cwd=directory,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_plain_installation_predicts_evaluates_and_fine_tunes(
    plain_installation: dict[str, str], make_model: MakeModel, tmp_path: Path
) -> None:
    code = f"""
import importlib.util
assert not [x for x in {LEFT_OUT!r} if importlib.util.find_spec(x)]

import riskclf.finetuning.folds, riskclf.finetuning.job
from riskclf.cli import main

riskclf.finetuning.folds._FOLDS = 2
riskclf.finetuning.job.load_our_posts = lambda: []
with open("posts.csv", "w", encoding="utf-8") as file:
    print("text,label", file=file)
    for place in "駅店海山":
        print(f"雨が{{place}}に降る,minor_solicitation", file=file)
        print(f"焼いたパンを{{place}}まで持っていく,benign", file=file)
model = {str(make_model())!r}
assert main(["predict", "--input", "posts.csv", "--output", "out.parquet", "--model", model]) == 0
assert main(["evaluate", "out.parquet", "--output", "report"]) == 0
assert main(["finetune", "posts.csv", "--output", "taught", "--base", model]) in (0, 3)
assert main(["suggest", "posts.csv", "--n", "2", "--output", "next.csv", "--model", model]) == 0
"""
    _run(code, plain_installation, tmp_path)
    assert (tmp_path / "report" / "report.html").is_file()
    assert (tmp_path / "taught" / "riskclf.json").is_file()


def test_a_plain_installation_reads_times_with_nanoseconds(
    plain_installation: dict[str, str], tmp_path: Path
) -> None:
    code = """
import pyarrow as pa
import pyarrow.parquet as pq
from riskclf.tables import open_table

when = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns"))
pq.write_table(pa.table({"text": ["雨が降る"], "when": when}), "posts.parquet")
with open_table("posts.parquet", text_columns=("text",)) as table:
    (row,) = table
print(row.values["when"].nanosecond)
"""
    assert _run(code, plain_installation, tmp_path) == "789\n"


def test_without_the_evaluate_library_the_metric_says_what_to_install(
    plain_installation: dict[str, str], tmp_path: Path
) -> None:
    code = """
import riskclf
try:
    riskclf.metric_path()
except riskclf.errors.MissingExtra as error:
    print(error)
"""
    said = _run(code, plain_installation, tmp_path)
    assert said == "the metric needs the library evaluate: pip install 'riskclf[metric]'\n"
    assert {Requirement(x).name for x in PROJECT["optional-dependencies"]["metric"]} == {
        "datasets",
        "evaluate",
    }


def test_without_pyspark_both_ways_to_spark_say_what_to_install(
    plain_installation: dict[str, str], tmp_path: Path
) -> None:
    code = """
import sys
import riskclf.spark
from riskclf.cli import main
from riskclf.spark.__main__ import app
try:
    riskclf.spark.predict_udf()
except riskclf.errors.MissingExtra as error:
    print(error)
sys.stderr = sys.stdout
assert main(["in.parquet", "out"], app) == 2
"""
    said = _run(code, plain_installation, tmp_path).splitlines()
    needs = "riskclf.spark needs pyspark 4.1 or later: pip install 'riskclf[spark]'"
    assert said == [needs, f"error: {needs}"]
    (wanted,) = map(Requirement, PROJECT["optional-dependencies"]["spark"])
    assert (wanted.name, str(wanted.specifier)) == ("pyspark", ">=4.1")


def test_every_dependency_is_pinned() -> None:
    pinned = {
        canonicalize_name(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    # What a CUDA build of torch brings is torch's own choice: a CPU build is what is tested.
    cuda = ("cuda-", "nvidia-", "triton")
    names = {canonicalize_name(x.name) for x in _needed()}
    assert {name for name in names - pinned if not name.startswith(cuda)} == set()
