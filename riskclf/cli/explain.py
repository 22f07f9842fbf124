"""`riskclf explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import safe_json, stoppable
from riskclf.cli.explained import print_explanation, print_nearest
from riskclf.explanation.wording import explanation_values
from riskclf.language import Language, speaking

__all__ = ["explain"]


def explain(
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...", help="Posts to explain.")],
    numbers: Annotated[
        bool,
        typer.Option(
            "--numbers", help="Show what each phrase adds to the log-odds of the risk, too."
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print JSON: offsets into each post instead of its text, one list."
        ),
    ] = False,
    nearest: Annotated[
        bool,
        typer.Option(
            "--nearest",
            help="Name the two scenarios of riskclf's own posts that each post is nearest to. Look "
            "at them after you have decided.",
        ),
    ] = False,
    lang: options.Lang = Language.ENGLISH,
    model: options.Model = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
) -> None:
    """Explain why posts are labelled as they are.

    Where the decision is flag or review: the answers to the questions of the labelling guide (age,
    side, act, matter), with their probabilities. And the phrases that speak for the risk or
    against it, in three steps. They tell what the model counted, not what is true.

    For posts in a file, use `riskclf predict --explain`.
    """
    options.check_no_file(texts, "use riskclf predict --explain --output OUT --input")
    with speaking(lang), stoppable():
        classifier = options.load_classifier(model, device, 64, {}, engine)
        explained = classifier.explain_many(texts)
        scenarios = [classifier.nearest(text) if nearest else () for text in texts]
        if as_json:
            values = [explanation_values(x, numbers=numbers) for x in explained]
            if nearest:
                for value, found in zip(values, scenarios, strict=True):
                    value["nearest"] = [x.to_dict() for x in found]
            print(safe_json(values))
            return
        for number, (text, explanation) in enumerate(zip(texts, explained, strict=True)):
            if number:
                print()
            print_explanation(text, explanation, numbers=numbers)
            if nearest:
                print_nearest(scenarios[number])
