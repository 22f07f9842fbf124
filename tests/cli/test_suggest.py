"""`riskclf suggest`."""

from __future__ import annotations

from pathlib import Path

import pytest

import riskclf
from riskclf import cli
from tests.suggestion.helpers import (
    listing,
    made_up,
    read_csv,
    with_others,
    write_csv,
)


@pytest.fixture(autouse=True)
def fake() -> None:
    """These tests load real models."""


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    texts = [*made_up(100), *with_others("水色の風船を見た", 12)]
    return write_csv(tmp_path / "posts.csv", texts)


def run(model: Path | None, *arguments: object) -> int:
    chosen_model = [] if model is None else ["--model", str(model), "--device", "cpu"]
    return cli.main(["suggest", *map(str, arguments), *chosen_model])


def test_the_command_chooses_from_the_example_file_with_the_packaged_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = Path(riskclf.__file__).with_name("example_posts.csv")
    assert run(None, example, "--n", 5, "--output", tmp_path / "out.csv") == 0
    found = read_csv(tmp_path / "out.csv")
    assert len(found) == 5
    assert list(found[0]) == ["id", "text", "label"]
    key = read_csv(tmp_path / "out.key.csv")
    assert [row["id"] for row in key] == [row["id"] for row in found]
    assert set(key[0]) >= {"riskclf_label", "riskclf_risk", "suggested_because"}
    assert "text" not in key[0]
    out, err = capsys.readouterr()
    assert out == ""
    assert f"5 posts written to {tmp_path / 'out.csv'}" in err
    assert not any(row["text"] in err for row in found)
    assert sorted(listing(tmp_path)) == ["out.csv", "out.key.csv"]


def test_the_command_shows_terms_and_obeys_its_options(
    model_directory: Path,
    posts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reference = write_csv(tmp_path / "older.csv", made_up(100, seed=7))
    labelled = write_csv(tmp_path / "labelled.csv", made_up(99))
    out = tmp_path / "out.csv"
    options: list[object] = ["--terms", "--reference", reference, "--labelled", labelled]
    assert run(model_directory, posts, "--n", 50, "--output", out, *options) == 0
    assert {row["text"] for row in read_csv(out)}.isdisjoint(made_up(99))
    shown = capsys.readouterr().out
    assert "風船" in shown
    assert "12 of 112" in shown
    assert "only here" in shown
    assert "leads for a person" in shown
    assert not list(tmp_path.glob("terms*"))
    options += ["--terms-output", tmp_path / "terms.csv"]
    assert run(model_directory, posts, "--output", out, *options) == 0
    assert "風船" in {row["term"] for row in read_csv(tmp_path / "terms.csv")}
    reference.write_bytes(posts.read_bytes())
    assert run(model_directory, posts, "--output", out, "--terms", "--reference", reference) == 0
    assert "No term increased significantly." in capsys.readouterr().out


def test_rejected_rows_are_listed_and_the_exit_status_is_1(
    model_directory: Path, posts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with posts.open("a", encoding="utf-8") as file:
        file.write("bad\n")
    out = tmp_path / "out.csv"
    assert run(model_directory, posts, "--n", 5, "--output", out) == 1
    listed = read_csv(tmp_path / "out.csv.rejects.csv")
    assert [(x["row"], x["reason"]) for x in listed] == [
        ("114", "it has 1 fields and the header has 2")
    ]
    assert "1 row was rejected" in capsys.readouterr().err
    write_csv(posts, made_up(10))
    assert run(model_directory, posts, "--n", 5, "--output", out) == 0
    assert not (tmp_path / "out.csv.rejects.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "posts.csv"], "would overwrite the input posts.csv"),
        (["--output", "a.csv", "--labelled", "a.csv"], "would overwrite the input a.csv"),
        (
            ["--output", "a.csv", "--terms", "--reference", "a.csv"],
            "would overwrite the input a.csv",
        ),
        (
            ["--output", "a.csv", "--terms-output", "a.csv", "--terms", "--reference", "b.csv"],
            "would overwrite the output",
        ),
        (["--output", "a.csv", "--labelled", "a.key.csv"], "would overwrite the input a.key.csv"),
        (["--output", "no/a.csv"], "does not exist; make it first"),
        (["--output", "a.xyz"], "tells no format"),
        (["--output", "a.csv", "--terms"], "give both --terms and --reference"),
        (["--output", "a.csv", "--reference", "posts.csv"], "give both --terms and --reference"),
        (["--output", "a.csv", "--terms-output", "b.csv"], "--terms-output needs --terms"),
        (["--output", "a.csv", "--n", "0"], "Invalid value for '--n'"),
    ],
)
def test_what_would_fail_or_destroy_a_file_is_refused_at_once(
    posts: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(posts.parent)
    monkeypatch.setattr("riskclf.cli.options.load_classifier", lambda *_: pytest.fail("too late"))
    assert cli.main(["suggest", "posts.csv", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert listing(posts.parent) == ["posts.csv"]


def test_ctrl_c_leaves_nothing(
    posts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("riskclf.cli.options.load_classifier", stop)
    assert cli.main(["suggest", str(posts), "--output", str(tmp_path / "out.csv")]) == 130
    assert listing(tmp_path) == ["posts.csv"]


def test_the_help_says_what_it_does_not_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["suggest", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "posts of a file that you hold. It does not rank authors." in text
    assert "not a list of coded words" in text
