"""The page at `/docs`: the API's schema for people, without a script and without a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader

__all__ = ["page_of"]


def page_of(schema: Mapping[str, Any]) -> str:
    """The HTML page.

    Args:
        schema: of OpenAPI 3.
    """
    templates = Environment(
        loader=PackageLoader("riskclf.serve"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return templates.get_template("docs.html.j2").render(
        schema=schema,
        endpoints=[
            (method.upper(), path, endpoint)
            for path, methods in schema["paths"].items()
            for method, endpoint in methods.items()
        ],
        as_json=lambda value: json.dumps(value, ensure_ascii=False, indent=2),
    )
