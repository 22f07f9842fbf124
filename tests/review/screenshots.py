"""Makes the pictures in docs/review.md: `python -m tests.review.screenshots`. It needs Chromium.

The posts are the harmless ones among those that ship.
"""

from __future__ import annotations

import csv
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL.Image import Image
from PIL.Image import open as open_image

import riskclf
from riskclf import RiskClassifier
from riskclf.language import Language
from tests.review.helpers import Running, new_case, new_store, own_drafts, running
from tests.review.test_browser import CHROMIUM, DONE, FLAGS, playwright

DOCS = Path(__file__).parents[2] / "docs"
_POSTS = Path(riskclf.__file__).parent / "example_posts.csv"


_SHOTS = (
    # name, language, width, scheme
    ("case", Language.ENGLISH, 1000, "light"),
    ("phone", Language.JAPANESE, 360, "dark"),
)


def _shoot(browser: Any, page: Running, width: int, scheme: str) -> Image:
    context = browser.new_context(viewport={"width": width, "height": 400}, color_scheme=scheme)
    shown = context.new_page()
    shown.goto(page.access.address)
    for key in "no":
        shown.keyboard.press(key)
        shown.wait_for_timeout(100)
        shown.wait_for_selector(DONE)
    found = open_image(BytesIO(shown.screenshot(full_page=True)))
    context.close()
    return found


def main() -> None:
    """Write the pictures."""
    classifier = RiskClassifier.load(device="cpu")
    with _POSTS.open(encoding="utf-8", newline="") as file:
        posts = [row["text"] for row in csv.DictReader(file)][9:]
    cases = [
        new_case(classifier, f"https://example.org/{n}", post, priority=-n)
        for n, post in enumerate(posts, start=1)
    ]
    with playwright.sync_playwright() as started, TemporaryDirectory() as place:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        drafts = own_drafts(Path(place) / "drafts.toml")
        for name, language, width, scheme in _SHOTS:
            store = new_store(Path(place) / f"{name}.db", cases, model=classifier.fingerprint)
            with running(store, classifier, templates=drafts, language=language) as page:
                image = _shoot(browser, page, width, scheme)
            image.quantize(32).save(DOCS / f"review-{name}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
