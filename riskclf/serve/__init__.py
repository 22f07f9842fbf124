"""`riskclf serve`: the same predictions over HTTP, for other programs.

It needs ``pip install 'riskclf[serve]'``. `app.make_app` makes the FastAPI application, which the
command `riskclf serve` runs on uvicorn.
"""

from __future__ import annotations

__all__: list[str] = []
