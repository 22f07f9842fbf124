"""`riskclf serve`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from riskclf.cli import options
from riskclf.cli.console import note, stoppable
from riskclf.errors import MissingExtra

__all__ = ["serve"]


def serve(
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. One that other computers can reach needs a token."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on. 0: any that is free.")
    ] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ask every request for the token in this file (Authorization: Bearer TOKEN). "
            "Default: the token in the environment variable RISKCLF_TOKEN, if it is set.",
        ),
    ] = None,
    max_posts: Annotated[int, typer.Option(min=1, help="Most posts in one request.")] = 1_000,
    max_bytes: Annotated[
        int, typer.Option(min=1, help="Largest body of a request, in bytes.")
    ] = 1_048_576,
    queue: Annotated[
        int,
        typer.Option(
            min=1,
            help="Most posts that wait or are computed; a long post counts as one for each 200 "
            "characters. Further requests get status 429.",
        ),
    ] = 4_096,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds in which a request is answered.")
    ] = 30.0,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Answer POST /v1/explain too, which says why. One post costs as much as labelling "
            "some 50.",
        ),
    ] = False,
    cascade: options.Cascade = False,
    model: options.Model = None,
    prevalence: options.Prevalence = None,
    operating_point: options.OperatingPoint = None,
    flag: options.Flag = None,
    review: options.Review = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    batch_size: options.BatchSize = 64,
) -> None:
    """Label posts over HTTP, for other programs.

    POST /v1/predict takes {"text": "..."}, or {"text": ["...", "..."]} for many posts. The address
    /docs describes it. Posts are not stored, and no log holds their text.

    It ends on SIGTERM or Ctrl-C, after the requests that have begun are answered.
    """
    needed = ("fastapi", "uvicorn", "prometheus_client")
    if missing := [name for name in needed if find_spec(name) is None]:
        raise MissingExtra(
            f"riskclf serve needs {', '.join(missing)}: pip install 'riskclf[serve]'"
        )
    # Imported here, because only this command needs them.
    from riskclf.serve.app import make_app
    from riskclf.serve.server import bound, run
    from riskclf.serve.settings import Settings, check_address, read_token

    decisions = options.decisions_of(prevalence, operating_point, flag, review)
    decisions["cascade"] = cascade
    settings = Settings(read_token(token_file), max_posts, max_bytes, queue, timeout, explain)
    check_address(host, settings.token)
    with stoppable(), bound(host, port) as listening:
        classifier = options.load_classifier(model, device, batch_size, decisions, engine)
        app = make_app(classifier, settings)
        name = f"[{host}]" if ":" in host else host
        note(f"listening on http://{name}:{listening.getsockname()[1]}/docs")
        run(app, listening, timeout)
