"""Makes the pictures in docs/review.md: `python -m tests.review.screenshots`. It needs Chromium.

The posts are the harmless ones among those that ship, and the drafts are the samples.
"""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import riskclf
from riskclf import RiskClassifier
from riskclf.language import Language
from tests.review.helpers import Running, new_case, new_store, own_drafts, running
from tests.review.test_browser import CHROMIUM, DONE, playwright

DOCS = Path(__file__).parents[2] / "docs"
_POSTS = Path(riskclf.__file__).parent / "example_posts.csv"


def _shoot(browser: Any, page: Running, name: str, keys: str, width: int, **how: Any) -> None:
    context = browser.new_context(viewport={"width": width, "height": 400}, **how)
    shown = context.new_page()
    shown.goto(page.access.address)
    for key in keys:
        shown.keyboard.press(key)
        shown.wait_for_timeout(100)
        shown.wait_for_selector(DONE)
    shown.screenshot(path=DOCS / f"review-{name}.png", full_page=True)
    context.close()


def main() -> None:
    """Write the pictures."""
    classifier = RiskClassifier.load(device="cpu")
    with _POSTS.open(encoding="utf-8", newline="") as file:
        posts = [row["text"] for row in csv.DictReader(file)]
    cases = [
        new_case(classifier, f"https://example.org/{n}", post, priority=-n)
        for n, post in enumerate(posts)
    ]
    with playwright.sync_playwright() as started, TemporaryDirectory() as place:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, language, keys, width, scheme in (
            ("en", Language.ENGLISH, "no", 1000, "light"),
            ("ja", Language.JAPANESE, "nom", 1000, "light"),
            ("phone", Language.JAPANESE, "no", 360, "dark"),
        ):
            store = new_store(Path(place) / f"{name}.db", cases, model=classifier.fingerprint)
            drafts = own_drafts(Path(place) / "drafts.toml")
            with running(store, classifier, templates=drafts, language=language) as page:
                _shoot(browser, page, name, keys, width, color_scheme=scheme)
        browser.close()


if __name__ == "__main__":
    main()
