"""The application: the page, and what its buttons ask for.

An answer to a button is the HTML of the parts that change. Jinja escapes every value, and the
browser runs no script but ours.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict

from riskclf.errors import RiskclfError
from riskclf.language import Language, speaking
from riskclf.review.access import Access, Guard
from riskclf.review.desk import Desk
from riskclf.review.pages import Pages

__all__ = [
    "Acting",
    "Body",
    "Drafting",
    "Going",
    "Holding",
    "OfCase",
    "Pasting",
    "Speaking",
    "make_app",
]

# FastAPI would report to OpenTelemetry, and of a refused request what was wrong with its values.
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}

_STATIC = {
    "review.js": "text/javascript; charset=utf-8",
    "review.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class Body(BaseModel):
    """What a button sends; all else is refused."""

    model_config = ConfigDict(extra="forbid")


class OfCase(Body):
    """Names a case."""

    case: int


class Going(Body):
    """Asks for the next case."""

    on: bool = False
    """Although the page proposed to stop."""


class Acting(OfCase):
    """A step with a case; a form sends what it does not need as an empty text."""

    action: str
    decision: str | None = None
    note: str | None = None
    recipient: str | None = None
    outcome: str | None = None
    gone: bool | None = None
    template: str | None = None
    second: str | None = None
    next: bool = False


class Holding(OfCase):
    """Puts a case on hold, or lifts that."""

    on: bool


class Drafting(OfCase):
    """Asks for drafts in a language."""

    language: str


class Pasting(Body):
    """Rows from Excel."""

    text: str


class Speaking(Body):
    """The language of the page."""

    language: Language


def make_app(desk: Desk, access: Access) -> FastAPI:
    """The application for one officer.

    Args:
        desk: of the officer.
        access: who may ask.
    """
    pages = Pages(desk, access)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=_NO_TELEMETRY)
    app.add_exception_handler(RequestValidationError, _refused)

    def answer(change: Callable[[], str]) -> Response:
        """Run `change`, which returns what is to be shown, in the officer's language."""
        with desk.lock, speaking(desk.language):
            desk.seen()
            try:
                return JSONResponse({**pages.parts(change())})
            except RiskclfError as error:
                return JSONResponse({"error": str(error)}, 409)

    @app.get("/")
    def page() -> HTMLResponse:
        with desk.lock, speaking(desk.language):
            return HTMLResponse(pages.whole())

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in _STATIC:
            return Response(status_code=404)
        content = files("riskclf.review").joinpath("static", name).read_bytes()
        return Response(content, media_type=_STATIC[name])

    @app.post("/api/home")
    def home(_body: Body) -> Response:
        return answer(pages.leave)

    @app.post("/api/next")
    def next_case(body: Going) -> Response:
        return answer(lambda: pages.next(on=body.on))

    @app.post("/api/take")
    def take(body: OfCase) -> Response:
        return answer(lambda: pages.take(body.case))

    @app.post("/api/open")
    def open_text(body: OfCase) -> Response:
        return answer(lambda: pages.open(body.case))

    @app.post("/api/act")
    def act(body: Acting) -> Response:
        given = body.model_dump(exclude={"case", "action", "next"})
        how = {name: value for name, value in given.items() if value not in (None, "")}
        return answer(lambda: pages.act(body.case, body.action, body.next, how))

    @app.post("/api/drafts")
    def drafts(body: Drafting) -> Response:
        return answer(lambda: pages.drafts(body.case, body.language))

    @app.post("/api/undo")
    def undo(_body: Body) -> Response:
        return answer(pages.undo)

    @app.post("/api/hold")
    def hold(body: Holding) -> Response:
        return answer(lambda: pages.hold(body.case, body.on))

    @app.post("/api/support")
    def support(_body: Body) -> Response:
        return answer(pages.support_list)

    @app.post("/api/lists")
    def lists(_body: Body) -> Response:
        return answer(pages.lists)

    @app.post("/api/paste")
    def paste(body: Pasting) -> Response:
        return answer(lambda: pages.paste(body.text))

    @app.post("/api/language")
    def language(body: Speaking) -> Response:
        with desk.lock:
            desk.language = body.language
        return JSONResponse({"reload": True})

    app.add_middleware(Guard, access=access)
    return app


def _refused(_request: Request, _error: Exception) -> JSONResponse:
    # FastAPI's own answer would repeat what was sent.
    return JSONResponse({"error": "this request cannot be read; load the page again"}, 422)
