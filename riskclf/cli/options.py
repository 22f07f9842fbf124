"""Options that several commands share, how the model is loaded, and checks of the paths given.

The checks run before any work: what would fail or destroy a file is refused at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskclf.errors import InputError
from riskclf.files import beside, target_of
from riskclf.language import Language, language

if TYPE_CHECKING:
    from riskclf.classifier import RiskClassifier

__all__ = [
    "BatchSize",
    "Cascade",
    "Delimiter",
    "Device",
    "Encoding",
    "Engine",
    "FamilyColumn",
    "Flag",
    "LabelColumn",
    "LabelMap",
    "Lang",
    "Model",
    "OperatingPoint",
    "Prevalence",
    "Review",
    "TextColumn",
    "TimeZone",
    "check_directory",
    "check_no_file",
    "check_outputs",
    "decisions_of",
    "label_pairs",
    "load_classifier",
]

Model = Annotated[
    str | None,
    typer.Option(
        metavar="DIR_OR_ID",
        help="Model directory or hub id. Default: the packaged model.",
    ),
]
TextColumn = Annotated[str, typer.Option(help="Column that holds the posts.")]
Encoding = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Encoding of the text files that are read: utf-8, cp932 (Shift_JIS), euc-jp, utf-16, "
        "or auto: guess it, and say so if it is not UTF-8.",
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        metavar="CHARACTER",
        help="Character between the columns of the CSV and TSV files that are read, such as ';', "
        "or tab. Default: a comma (.tsv: a tab).",
    ),
]
LabelColumn = Annotated[str, typer.Option(help="Column that holds the correct labels.")]
FamilyColumn = Annotated[
    str | None,
    typer.Option(
        help="Column that names the family of each post: posts that belong together, such as "
        "several about one scenario. Default: family, if there is such a column."
    ),
]
LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        metavar="YOURS=OURS",
        help="Read label YOURS in DATA as label OURS of the model, or as unclear. May be repeated.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="Device to compute on: auto, cpu, cuda, cuda:1 and so on. auto uses a GPU if there "
        "is one."
    ),
]
Cascade = Annotated[
    bool,
    typer.Option(
        "--cascade",
        help="For very many, mostly ordinary posts: several times as fast. N-grams clear most "
        "posts, which have the reason ngrams_only and a risk by n-grams alone; the transformer "
        "reads the rest. It may miss posts with new words.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        help="Library that computes the model: auto, pytorch or openvino. auto uses OpenVINO where "
        "it is installed and the model has files for it (see `riskclf optimize`)."
    ),
]


def _language(name: str) -> Language:
    try:
        return language(name)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None


TimeZone = Annotated[
    str,
    typer.Option(
        metavar="ZONE",
        help="Time zone in which days and months begin, and of times that name none.",
    ),
]
Lang = Annotated[
    Language,
    typer.Option(
        parser=_language,
        metavar="en|ja",
        help="Language of what is written for people: en (English) or ja (Japanese). Names of "
        "columns and error messages stay English.",
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Number of posts to compute at once.")]
Prevalence = Annotated[
    float | None,
    typer.Option(
        help="Share of risky posts in your stream, such as 0.001. Risk and scores become "
        "probabilities at this share. Labels and decisions do not change."
    ),
]
OperatingPoint = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Use these thresholds of the model; `riskclf info` lists them."
    ),
]
Flag = Annotated[
    float | None,
    typer.Option(help="Flag posts with risk >= this value. Requires --review."),
]
Review = Annotated[
    float | None,
    typer.Option(
        help="Mark posts with risk >= this value for review. Must be below --flag. Requires --flag."
    ),
]


def decisions_of(
    prevalence: float | None, operating_point: str | None, flag: float | None, review: float | None
) -> dict[str, Any]:
    """How to decide, as further arguments of `RiskClassifier.load`.

    Raises:
        InputError: of `flag` and `review` only one is given.
    """
    if (flag is None) != (review is None):
        raise InputError("give both --flag and --review, or neither")
    return {
        "prevalence": prevalence,
        "operating_point": operating_point,
        "thresholds": None if flag is None else {"flag": flag, "review": review},
    }


def load_classifier(
    model: str | None,
    device: str,
    batch_size: int,
    decisions: Mapping[str, Any],
    engine: str = "auto",
) -> RiskClassifier:
    """Load the model for a command.

    Args:
        model: a directory or a hub id; None is the packaged model.
        device: see `RiskClassifier.load`.
        batch_size: posts to compute at once.
        decisions: further arguments of `RiskClassifier.load`, such as `prevalence`.
        engine: see `RiskClassifier.load`.

    Raises:
        RiskclfError: the model cannot be used.
    """
    # Imported here, because torch and transformers take seconds to import.
    from riskclf.classifier import RiskClassifier

    return RiskClassifier.load(
        model, device=device, batch_size=batch_size, engine=engine, **decisions
    )


def label_pairs(items: Iterable[str] | None) -> dict[str, str]:
    """The label map from the values of ``--label-map``.

    Raises:
        InputError: a value is not YOURS=OURS. The message does not repeat it.
    """
    pairs = {}
    for item in items or ():
        yours, equals, ours = item.rpartition("=")
        if not (yours and equals and ours):
            raise InputError(
                "a value of --label-map is not YOURS=OURS; write it like --label-map mine=benign"
            )
        pairs[yours] = ours
    return pairs


def check_no_file(texts: Iterable[str], instead: str = "use --input") -> None:
    """Refuse a file name in the place of a post: it would be labelled, most likely as clear.

    Args:
        texts: that were given as posts.
        instead: what to do for a file, for the message.

    Raises:
        InputError: a text is the name of a file.
    """
    for text in texts:
        with contextlib.suppress(OSError, ValueError):  # too long for a path, or with a NUL in it
            if Path(text).is_file():
                raise InputError(f"{text} is a file; for its posts, {instead} {text}")


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[str | None]) -> None:
    """Refuse output files that cannot be written, or that would overwrite a file of the run.

    Args:
        outputs: how a message calls each file, and its path; None where it is not written.
        inputs: the files that are read, as the user named them.

    Raises:
        InputError: a directory is missing, or a file would be overwritten.
    """
    taken = {
        target_of(name): f"the input {name}" for name in inputs if name is not None and name != "-"
    }
    for what, place in outputs.items():
        if place is None:
            continue
        if not place.parent.is_dir():
            raise InputError(f"{place}: the directory {place.parent} does not exist; make it first")
        if place.is_dir():
            raise InputError(f"{place} is a directory; name a file in it")
        for path in (place, beside(place, ".partial"), beside(place, ".resume")):
            if (target := target_of(path)) in taken:
                raise InputError(
                    f"{what} {place} would overwrite {taken[target]}; choose another name"
                )
        taken[target_of(place)] = what


def check_directory(place: Path, data: str) -> None:
    """Refuse an output directory that cannot be written, or that holds the input.

    Raises:
        InputError: it is a file, its parent is missing, or `data` lies in it.
    """
    if place.exists() and not place.is_dir():
        raise InputError(f"{place} is a file; name a directory")
    if not place.parent.is_dir():
        raise InputError(f"{place}: the directory {place.parent} does not exist; make it first")
    if data != "-" and target_of(data).parent == target_of(place):
        raise InputError(f"{data} lies in the output directory {place}; choose another directory")
