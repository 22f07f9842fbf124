"""`riskclf review`: a page on this computer, where an officer works through the cases of a store.

It needs ``pip install 'riskclf[review]'``. `app.make_app` makes the FastAPI application. It listens
on 127.0.0.1 only and sends nothing anywhere: a person decides, and a person sends.
"""

from __future__ import annotations

__all__: list[str] = []
