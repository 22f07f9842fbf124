"""`riskclf review`."""

from __future__ import annotations

import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, stoppable
from riskclf.errors import MissingExtra
from riskclf.language import Language

__all__ = ["review"]


def review(
    store: Annotated[
        str,
        typer.Argument(
            metavar="STORE",
            help="The case store (`riskclf casework init`): a file on a disk of this computer, or "
            "postgresql://USER@HOST/DATABASE.",
        ),
    ],
    officer: Annotated[str, typer.Option(metavar="ID", help="Who reads: an id that you choose.")],
    templates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your agency's drafts and contacts (`riskclf casework drafts`). Default: the "
            "samples, which cannot be copied.",
        ),
    ] = None,
    stop_after: Annotated[
        int, typer.Option(min=1, help="After this many cases in a day, the page proposes to stop.")
    ] = 100,
    break_after: Annotated[
        float,
        typer.Option(min=1, help="After so many minutes without a break, it proposes to take one."),
    ] = 50.0,
    browser: Annotated[
        bool, typer.Option("--browser", help="Open the page in the browser of this computer.")
    ] = False,
    model: options.Model = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    lang: options.Lang = Language.ENGLISH,
) -> None:
    """Work through the cases of a store on a page in the browser.

    Only this computer can open it, at the address that is printed, and once. Nothing is sent: a
    person decides, and a person sends. It ends on Ctrl-C.
    """
    needed = ("fastapi", "uvicorn", "sqlalchemy", "alembic", "psutil")
    if missing := [name for name in needed if find_spec(name) is None]:
        raise MissingExtra(
            f"riskclf review needs {', '.join(missing)}: pip install 'riskclf[review]'"
        )
    # Imported here, because only this command needs them.
    from riskclf.casework import Store
    from riskclf.casework.drafts import Templates
    from riskclf.casework.people import checked_id
    from riskclf.review.access import Access
    from riskclf.review.app import make_app
    from riskclf.review.desk import Desk, Limits
    from riskclf.serve.server import bound, run

    reader = checked_id(officer)
    with stoppable(), bound("127.0.0.1", 0) as listening:
        desk = Desk(
            Store.open(store),
            reader,
            options.load_classifier(model, device, 64, {}, engine),
            Templates.read(templates),
            language=lang,
            limits=Limits(stop_after, break_after),
        )
        access = Access(listening.getsockname()[1])
        listening.listen()  # so that the browser finds the page although it does not answer yet
        note(f"open this address in the browser of this computer; it works once: {access.address}")
        if browser:
            webbrowser.open(access.address)
        run(make_app(desk, access), listening, 30)
