"""The command line: what a user sees, which files appear, and what the exit status says."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import riskclf
from riskclf import cli
from riskclf.errors import ArtifactNotFound
from riskclf.labels import Decision, Prediction

LABELS = ("minor_solicitation", "adult_solicitation", "benign")
SCORES = [f"score_{label}" for label in LABELS]
ADDED = ["label", "decision", "risk", *SCORES, "truncated", "risk_labels"]
ROOT = Path(__file__).parents[2]


class Fake:
    """Risk by the length of the post; it counts what it is given."""

    labels = LABELS
    fingerprint = "0123"

    def __init__(self) -> None:
        self.posts: list[str] = []
        self.stop_after: int | None = None

    def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
        posts = list(posts)
        if self.stop_after is not None and len(self.posts) >= self.stop_after:
            raise KeyboardInterrupt
        self.posts += posts
        # As with a real model, the last digits depend on what is computed together.
        return [self.one(post, len(posts) / 1e5) for post in posts]

    def one(self, post: str, shift: float) -> Prediction:
        risk = min(len(post), 99) / 100 + shift
        decision: Decision = "flag" if risk > 0.8 else "review" if risk > 0.5 else "clear"
        scores = dict(zip(LABELS, (risk * 0.75, risk * 0.25, 1 - risk), strict=True))
        label = max(scores, key=scores.__getitem__)
        return Prediction(label, scores, risk, decision, len(post) > 200)

    def info(self) -> dict[str, Any]:
        return {"model": "somewhere", "versions": {"dictionary": "unidic_lite 1"}, "hash": "ab12"}


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    classifier = Fake()
    monkeypatch.setattr("riskclf.cli.app.load_classifier", lambda *_: classifier)
    return classifier


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """2,500 rows, that is three batches, two of them bad."""
    path = tmp_path / "posts.csv"
    rows = [f'{n},"{"散歩した。" * (n % 20)}"' for n in range(2500)]
    rows[700] = "700"
    rows[1800] = "1800,a,b"
    path.write_text("id,text\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def run(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def records(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def stdin(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))


def only_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text


# Help and usage ---------------------------------------------------------------------------------


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"riskclf {riskclf.__version__}\n"
    assert run("--help") == 0
    assert {"predict", "info"} <= set(capsys.readouterr().out.split())
    assert run("predict", "--help") == 0
    assert "Exit status: 0 all is well, 1 finished but some rows" in capsys.readouterr().out


def test_importing_the_command_line_loads_no_torch() -> None:
    code = "import sys, riskclf.cli.app; print([m for m in ('torch', 'transformers', 'pyarrow')"
    code += " if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict"], "give either posts as TEXT or a file with --input"),
        (["predict", "hello", "--input", "a.csv"], "give either posts as TEXT or a file"),
        (["predict", "hello", "--output", "a.csv"], "--output, --rejects and --format need"),
        (["predict", "--nonsense"], "--nonsense"),
        (["predict", "hello", "--batch-size", "0"], "batch-size"),
        (["nonsense"], "nonsense"),
        (["predict", "--input", "gone.csv"], "gone.csv does not exist"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert only_line(err).startswith("error: ")
    assert message in err
    assert out == ""


def test_errors_of_the_input_are_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: Fake
) -> None:
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "body.csv").write_text("id,body\n1,hello\n")
    before = sorted(tmp_path.iterdir())
    for name, message in (("binary.csv", "is not UTF-8"), ("body.csv", "'id', 'body'")):
        assert run("predict", "--input", tmp_path / name, "--output", tmp_path / "o.csv") == 2
        assert message in only_line(capsys.readouterr().err)
    assert sorted(tmp_path.iterdir()) == before
    assert fake.posts == []


def test_errors_of_the_model_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ArtifactNotFound("there is no model in nowhere")

    monkeypatch.setattr("riskclf.cli.app.load_classifier", fail)
    assert run("predict", "hello", "--model", "nowhere") == 2
    assert only_line(capsys.readouterr().err) == "error: there is no model in nowhere\n"
    assert run("info", "--model", "nowhere") == 2


def test_model_device_and_batch_size_reach_the_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def load(*arguments: object) -> Fake:
        seen.extend(arguments)
        return Fake()

    monkeypatch.setattr("riskclf.cli.app.load_classifier", load)
    assert run("predict", "hi", "--model", "dir", "--device", "cpu", "--batch-size", "8") == 0
    assert seen[:3] == ["dir", "cpu", 8]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("posts.csv", "would overwrite the input"),
        ("o.xlsx", "suffix '.xlsx'"),
        ("no/o.csv", "does not exist; make it first"),
        ("dir.csv", "is a directory"),
    ],
)
def test_an_impossible_output_is_refused_before_the_work(
    tmp_path: Path,
    table: Path,
    fake: Fake,
    capsys: pytest.CaptureFixture[str],
    output: str,
    message: str,
) -> None:
    (tmp_path / "dir.csv").mkdir()
    before = table.read_bytes()
    assert run("predict", "--input", table, "--output", tmp_path / output) == 2
    assert message in only_line(capsys.readouterr().err)
    assert fake.posts == []
    assert table.read_bytes() == before


def test_neither_output_nor_rejects_can_destroy_a_file_of_the_run(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.csv"
    assert run("predict", "--input", table, "--output", out, "--rejects", table) == 2
    assert run("predict", "--input", table, "--output", out, "--rejects", out) == 2
    partial = table.rename(tmp_path / "o.csv.partial")
    assert run("predict", "--input", partial, "--format", "csv", "--output", out) == 2
    assert capsys.readouterr().err.count("would overwrite") == 3


# Posts on the command line and tables on the screen ---------------------------------------------


def test_posts_on_the_command_line_are_shown_as_a_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("predict", "今日はいい天気", "パンを焼いた" * 14, "[bold]ok\x1b[2J\n\ud83d") == 0
    out, err = capsys.readouterr()
    first, second, third = (
        line for line in out.splitlines() if line.startswith("│") and "0." in line
    )
    assert "今日はいい天気" in first and "benign" in first and "clear" in first
    assert "minor_solicitation" in second and "flag" in second and "0.840" in second
    # Neither markup nor what controls a terminal takes effect.
    assert "[bold]ok" in third
    assert "\x1b" not in out
    assert err == ""


def test_a_table_without_output_shows_the_highest_risks(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", "--input", table) == 1
    out, err = capsys.readouterr()
    shown = [line for line in out.splitlines() if "散歩" in line and "0.9" in line]
    assert len(shown) == 50
    assert shown[0].split()[1] == "21"  # the first row of 95 characters, header included
    assert out.rstrip().endswith("… and 2,448 more with a lower risk: use --output")
    assert "2 rows were rejected\n" in err
    assert "row 702: it has 1 fields and the header has 2" in err
    assert "散歩" not in err


def test_the_summary_counts_labels_and_decisions(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.jsonl"
    assert run("predict", "--input", table, "--output", out) == 1
    err = capsys.readouterr().err
    rows = records(out)
    for label in LABELS:
        line = next(line for line in err.splitlines() if f" {label} " in line)
        counts = [
            sum(row["label"] == label and row["decision"] == decision for row in rows)
            for decision in ("flag", "review", "clear")
        ]
        numbers = [int(x.replace(",", "")) for x in line.replace("│", " ").split()[1:]]
        assert numbers == [*counts, sum(counts)]
    assert "2,498 posts, " in err
    assert "posts/s" in err


# Tables to tables -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_output_keeps_the_columns_and_adds_the_prediction(
    tmp_path: Path, table: Path, suffix: str, fake: Fake
) -> None:
    out = tmp_path / f"o.{suffix}"
    assert run("predict", "--input", table, "--output", out) == 1
    rows = records(out)
    assert list(rows[0]) == ["id", "text", *ADDED]
    assert [int(row["id"]) for row in rows] == [n for n in range(2500) if n not in (700, 1800)]
    assert [row["text"] for row in rows] == fake.posts
    expected = fake.one(rows[5]["text"], 1024 / 1e5)
    assert (rows[5]["label"], rows[5]["decision"]) == (expected.label, expected.decision)
    assert float(rows[5]["risk"]) == pytest.approx(expected.risk, rel=1e-5)
    for label, score in expected.scores.items():
        assert float(rows[5][f"score_{label}"]) == pytest.approx(score, rel=1e-5)
    assert rows[5]["truncated"] in (False, "false")
    assert records(tmp_path / f"o.{suffix}.rejects.csv") == [
        {"row": "702", "column": "", "reason": "it has 1 fields and the header has 2"},
        {"row": "1802", "column": "", "reason": "it has 3 fields and the header has 2"},
    ]
    assert {path.name for path in tmp_path.iterdir()} == {
        "posts.csv",
        out.name,
        f"{out.name}.rejects.csv",
    }


def test_all_good_is_status_0_and_an_old_list_of_rejects_goes(tmp_path: Path) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "o.csv"
    source.write_text('{"post":"hello"}\n{"post":""}\n')
    (tmp_path / "o.csv.rejects.csv").write_text("row,column,reason\n7,,from an earlier run\n")
    assert run("predict", "--input", source, "--text-column", "post", "--output", out) == 0
    assert [row["decision"] for row in records(out)] == ["clear", "clear"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "o.csv"]


def test_rejects_go_where_the_user_says(tmp_path: Path, table: Path) -> None:
    out, listed = tmp_path / "o.csv", tmp_path / "bad.csv"
    assert run("predict", "--input", table, "--output", out, "--rejects", listed) == 1
    assert [row["row"] for row in records(listed)] == ["702", "1802"]
    assert not (tmp_path / "o.csv.rejects.csv").exists()


def test_columns_of_the_input_are_never_overwritten(tmp_path: Path) -> None:
    source, out, again = tmp_path / "a.csv", tmp_path / "o.csv", tmp_path / "again.csv"
    source.write_text("text,label,n\nhello,mine,1\n")
    assert run("predict", "--input", source, "--output", out) == 0
    row = records(out)[0]
    assert list(row) == ["text", "label", "n", *(f"riskclf_{name}" for name in ADDED)]
    assert (row["label"], row["riskclf_label"]) == ("mine", "benign")
    assert run("predict", "--input", out, "--output", again) == 0
    assert list(records(again)[0].values())[: len(row)] == list(row.values())


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    source, out = tmp_path / "a.parquet", tmp_path / "o.parquet"
    before = pa.table({"id": pa.array([1, 2], pa.int16()), "text": ["hello", None]})
    pq.write_table(before, source)
    assert run("predict", "--input", source, "--output", out) == 1
    after = pq.read_table(out)
    assert after.select(["id", "text"]).equals(before.slice(0, 1))
    assert records(tmp_path / "o.parquet.rejects.csv")[0]["column"] == "text"


def test_standard_output_holds_the_table_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(monkeypatch, '{"id":1,"text":"天気"}\n{"id":2}\n')
    assert run("predict", "--input", "-", "--output", "-") == 1
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [list(row) for row in rows] == [["id", "text", *ADDED]]
    assert "row 2, column text: it is missing" in err
    stdin(monkeypatch, "a walk\n\na book\n")
    assert run("predict", "--input", "-", "--format", "lines", "--output", "-") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == ["a walk", "", "a book"]
    stdin(monkeypatch, "text,n\na walk,1\n")
    assert run("predict", "--input", "-", "--format", "csv", "--output", "-") == 0
    assert capsys.readouterr().out.startswith("text,n,label,")


def test_few_posts_are_in_memory_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Counting(Fake):
        def predict_many(self, posts: Iterable[str]) -> list[Prediction]:
            posts = list(posts)
            sizes.append(sum(map(len, posts)))
            return super().predict_many(posts)

    monkeypatch.setattr("riskclf.cli.app.load_classifier", lambda *_: Counting())
    source = tmp_path / "a.csv"
    source.write_text("text\n" + "\n".join(["x" * 1_000_000] * 12))
    assert run("predict", "--input", source, "--output", tmp_path / "o.jsonl") == 0
    assert sum(sizes) == 12_000_000
    assert max(sizes) <= 5_000_000


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), {}),
        (("--prevalence", "0.001"), {"prevalence": 0.001}),
        (("--operating-point", "sensitive"), {"operating_point": "sensitive"}),
        (("--flag", "0.9", "--review", "0.2"), {"thresholds": {"flag": 0.9, "review": 0.2}}),
    ],
    ids=["nothing", "prevalence", "operating point", "thresholds"],
)
def test_what_decides_reaches_the_model(
    monkeypatch: pytest.MonkeyPatch, given: Sequence[str], expected: dict[str, Any]
) -> None:
    asked: list[dict[str, Any]] = []

    def load(model: str | None, device: str, batch_size: int, decisions: Any) -> Fake:
        asked.append({name: value for name, value in decisions.items() if value is not None})
        return Fake()

    monkeypatch.setattr("riskclf.cli.app.load_classifier", load)
    assert run("predict", "a post", *given) == 0
    assert asked == [expected]


def test_one_threshold_alone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("predict", "a post", "--flag", "0.9") == 2
    assert "--review" in capsys.readouterr().err


# Interrupting and continuing --------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_stopped_run_is_continued_to_the_same_bytes(
    tmp_path: Path, table: Path, fake: Fake, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    unbroken, out = tmp_path / f"u.{suffix}", tmp_path / f"o.{suffix}"
    assert run("predict", "--input", table, "--output", unbroken) == 1
    capsys.readouterr()

    fake.posts.clear()
    fake.stop_after = 1500
    assert run("predict", "--input", table, "--output", out) == 130
    assert only_line(capsys.readouterr().err).endswith("run the same command again to continue\n")
    assert not out.exists()
    assert (tmp_path / f"{out.name}.partial").exists()

    fake.posts.clear()
    fake.stop_after = None
    assert run("predict", "--input", table, "--output", out) == 1
    assert len(fake.posts) == 2498 - 2048
    assert out.read_bytes() == unbroken.read_bytes()
    listed = tmp_path / f"{out.name}.rejects.csv"
    assert listed.read_bytes() == (tmp_path / f"{unbroken.name}.rejects.csv").read_bytes()
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.resume"))
    err = capsys.readouterr().err
    assert "continuing the run that was stopped" in err
    assert "2,048 of them from the run that was stopped" in err


@pytest.mark.parametrize("change", ["model", "input", "option"])
def test_a_changed_job_starts_afresh_and_says_so(
    tmp_path: Path, table: Path, fake: Fake, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    out = tmp_path / "o.csv"
    fake.stop_after = 1000
    assert run("predict", "--input", table, "--output", out) == 130
    capsys.readouterr()
    fake.posts.clear()
    fake.stop_after = None
    more: list[str] = []
    if change == "model":
        fake.fingerprint = "4567"
    elif change == "input":
        table.write_text(table.read_text(encoding="utf-8") + "2500,end\n", encoding="utf-8")
    else:
        more = ["--batch-size", "8"]
    assert run("predict", "--input", table, "--output", out, *more) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("starting afresh; changed since the run that was stopped: ")
    assert {"model": "model", "input": "size of the input", "option": "batch size"}[change] in first
    assert len(fake.posts) == len(records(out))


def test_the_record_of_a_stopped_run_holds_no_post(tmp_path: Path, table: Path, fake: Fake) -> None:
    fake.stop_after = 1500
    assert run("predict", "--input", table, "--output", tmp_path / "o.csv") == 130
    assert "散歩" not in (tmp_path / "o.csv.resume").read_text(encoding="utf-8")
    assert "\\u" not in (tmp_path / "o.csv.resume").read_text(encoding="utf-8")


def test_standard_input_cannot_be_continued_and_says_so(
    tmp_path: Path,
    table: Path,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake.stop_after = 1000
    stdin(monkeypatch, table.read_text(encoding="utf-8"))
    out = tmp_path / "o.csv"
    assert run("predict", "--input", "-", "--format", "csv", "--output", out) == 130
    assert "standard input cannot be continued" in only_line(capsys.readouterr().err)
    assert not out.exists()
    assert not (tmp_path / "o.csv.resume").exists()


SLOW = """
    import signal, sys, time
    # A test run in the background ignores interrupts, and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[:0] = [{tests!r}, {root!r}]
    from tests.cli.test_cli import Fake, cli
    class Slow(Fake):
        def predict_many(self, posts):
            time.sleep({delay})
            return super().predict_many(posts)
    cli.app.load_classifier = lambda *_: Slow()
    sys.exit(cli.main(sys.argv[1:]))
"""


def start(delay: float, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    code = textwrap.dedent(SLOW).format(tests=str(ROOT / "tests"), root=str(ROOT), delay=delay)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def wait_for_two_batches(path: Path) -> None:
    for _ in range(600):
        if path.exists() and path.read_bytes().count(b"\n") >= 3:
            return
        time.sleep(0.05)
    raise AssertionError("no batch was recorded in 30 s")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_is_continued_to_the_same_bytes(
    tmp_path: Path, table: Path, fake: Fake, how: signal.Signals, suffix: str
) -> None:
    unbroken, out = tmp_path / f"u.{suffix}", tmp_path / f"o.{suffix}"
    assert run("predict", "--input", table, "--output", unbroken) == 1
    process = start(0.5, "predict", "--input", table, "--output", out)
    wait_for_two_batches(tmp_path / f"{out.name}.resume")
    process.send_signal(how)
    err = process.communicate(timeout=30)[1]
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in err
    assert not out.exists()
    fake.posts.clear()
    assert run("predict", "--input", table, "--output", out) == 1
    assert len(fake.posts) == 2498 - 2048
    assert out.read_bytes() == unbroken.read_bytes()


def test_a_reader_that_leaves_the_pipe_ends_it_quietly(table: Path) -> None:
    process = start(0, "predict", "--input", table, "--output", "-", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("id,text,label")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) == 141


def test_an_unforeseen_error_does_not_print_variables(table: Path, tmp_path: Path) -> None:
    code = textwrap.dedent(SLOW).format(tests=str(ROOT / "tests"), root=str(ROOT), delay="None")
    command = [sys.executable, "-c", code, "predict", "--input", str(table), "--output", "-"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert "TypeError" in done.stderr
    assert "散歩" not in done.stderr


# info -------------------------------------------------------------------------------------------


def test_info_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info") == 0
    out = capsys.readouterr().out
    assert out == "model: somewhere\nversions:\n  dictionary: unidic_lite 1\nhash: ab12\n"
    assert run("info", "--json") == 0
    assert json.loads(capsys.readouterr().out) == Fake().info()


# The packaged model -----------------------------------------------------------------------------

MODEL = ROOT / "riskclf" / "default_model" / "config.json"
with_model = pytest.mark.skipif(not MODEL.exists(), reason="the packaged model is not built yet")


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from riskclf.cli.app import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


@with_model
def test_the_packaged_model_labels_posts() -> None:
    done = command("predict", "今日は友達と公園を散歩した", "I baked bread this morning")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("benign ") >= 2
    assert done.stdout.count(" clear ") == 2


@with_model
def test_the_packaged_model_through_files_agrees_with_the_library(tmp_path: Path) -> None:
    posts = ["今日は友達と公園を散歩した", "", "夕飯はカレー" * 400]
    source, out = tmp_path / "a.parquet", tmp_path / "o.jsonl"
    pq.write_table(pa.table({"text": posts}), source)
    done = command("predict", "--input", source, "--output", out, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    predictions = riskclf.RiskClassifier.load(device="cpu").predict_many(posts)
    for row, prediction in zip(records(out), predictions, strict=True):
        assert (row["label"], row["decision"]) == (prediction.label, prediction.decision)
        assert row["truncated"] == prediction.truncated
        assert row["risk"] == pytest.approx(prediction.risk, rel=1e-4, abs=1e-6)


@with_model
def test_info_of_the_packaged_model_is_json() -> None:
    done = command("info", "--json")
    assert done.returncode == 0, done.stderr
    assert "unidic" in json.dumps(json.loads(done.stdout))


# Evaluation -------------------------------------------------------------------------------------


@pytest.fixture
def labelled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Posts with right labels, scored by `predict`; one row has a label that nobody knows."""
    source, out = tmp_path / "labelled.csv", tmp_path / "scored.csv"
    rows = [f"{n},{'散歩した。' * (n % 20)},{LABELS[n % 3]},sport" for n in range(90)]
    rows[4] = "4,散歩した。,grooming,sport"
    source.write_text("id,text,label,topic\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert run("predict", "--input", source, "--output", out) == 0
    capsys.readouterr()
    return out


def test_what_predict_has_written_is_evaluated_without_scoring_again(
    labelled: Path, tmp_path: Path, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.posts.clear()
    report = tmp_path / "report"
    arguments = ["--slice-column", "topic", "--prevalence", "0.001", "--min-recall", "0.5"]
    assert run("evaluate", labelled, "--output", report, *arguments) == 1
    out, err = capsys.readouterr()
    assert out.startswith("Measured on 89 labelled posts: 59 risky, 30 benign, 0 unclear.\n")
    assert "1 row was rejected: see " in err
    assert f"report written to {report / 'report.html'}" in err.replace("\n", "")
    assert "散歩" not in out + err
    assert fake.posts == []
    figures = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert list(figures["slices"]) == ["sport"]
    assert figures["thresholds"][0]["constraint"] == "recall"
    assert [row["row"] for row in records(report / "rejects.csv")] == ["6"]


def test_labels_of_the_user_are_mapped(labelled: Path, tmp_path: Path) -> None:
    mapped = ["--label-map", "grooming=adult_solicitation"]
    assert run("evaluate", labelled, "--output", tmp_path / "report", *mapped) == 0
    assert not (tmp_path / "report" / "rejects.csv").exists()


def test_text_gets_into_the_differences_only_if_it_is_asked_for(
    labelled: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("散歩", encoding="utf-8")
    against = ["--against", f"keywords={tmp_path / 'words.txt'}"]
    for options, expected in (((), False), (("--include-text",), True)):
        assert run("evaluate", labelled, "--output", tmp_path / "r", *against, *options) == 1
        differences = (tmp_path / "r" / "differences-1.csv").read_text(encoding="utf-8")
        assert ("散歩した" in differences) is expected


def test_posts_without_scores_are_scored_by_the_named_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from riskclf.classifier import RiskClassifier

    seen: list[object] = []

    class Streaming(Fake):
        def stream(self, posts: Iterable[str]) -> Any:
            return (self.one(post, 0) for post in posts)

        def info(self) -> dict[str, Any]:
            return {"fingerprint": "0123", "saved_as": {"risk_labels": LABELS[:2]}}

    def load(model: object, **options: object) -> Streaming:
        seen.extend([model, *options.values()])
        return Streaming()

    monkeypatch.setattr(RiskClassifier, "load", load)
    source = tmp_path / "a.jsonl"
    source.write_text('{"text":"sample one","label":"benign"}\n')
    options = ["--model", "dir", "--device", "cpu", "--batch-size", "8"]
    assert run("evaluate", source, "--output", tmp_path / "report", *options) == 0
    assert seen[:3] == ["dir", "cpu", 8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.csv", "--output", "report"], "gone.csv does not exist"),
        (["scored.csv"], "--output"),
        (["scored.csv", "--output", "labelled.csv"], "is a file; name a directory"),
        (["scored.csv", "--output", "no/report"], "does not exist; make it first"),
        (["scored.csv", "--output", "."], "lies in the output directory"),
        (["scored.csv", "--output", "report", "--label-map", "x"], "is not YOURS=OURS"),
        (["scored.csv", "--output", "report", "--label-map", "x=y"], "the model does not know"),
        (["scored.csv", "--output", "report", "--volume", "many"], "is not a rate"),
        (["scored.csv", "--output", "report", "--capacity", "2/hour"], "needs the volume"),
        (["scored.csv", "--output", "report", "--prevalence", "2"], "must lie between 0 and 1"),
        (["scored.csv", "--output", "report", "--label-column", "x"], "no column 'x'"),
        (["scored.csv", "--output", "report", "--family-column", "x"], "no column 'x'"),
    ],
)
def test_an_evaluation_that_cannot_be_made_is_one_line_and_leaves_nothing(
    labelled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run("evaluate", *arguments) == 2
    out, err = capsys.readouterr()
    assert message in only_line(err)
    assert out == ""
    assert sorted(tmp_path.iterdir()) == before
