"""The page in a browser: an hour's work by keys, and what people with other needs meet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from riskclf.casework import Decision, State, Store
from riskclf.classifier import RiskClassifier
from tests.review.helpers import Running, Walltime, new_case, new_store, own_drafts, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("no Chromium: the page is NOT tested in a browser", allow_module_level=True)

playwright = pytest.importorskip("playwright.sync_api")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]  # it may run as root, in a container
DONE = "body:not([aria-busy])"
TEXTS = ("猫がキーボードの上で寝ている", "Does anybody know when the library opens?")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@dataclass
class Officer:
    """At the keyboard."""

    page: Any
    running: Running
    store: Store
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Of the browser: errors of scripts, and what the policy of the page blocked."""

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.page.wait_for_timeout(20)  # the clipboard comes before the request
            self.page.wait_for_selector(DONE)

    @property
    def title(self) -> str:
        return str(self.page.inner_text("main h2"))

    @property
    def error(self) -> str:
        return str(self.page.inner_text("#error"))

    @property
    def copied(self) -> str:
        return str(self.page.evaluate("navigator.clipboard.readText()"))


@pytest.fixture
def officer(browser: Any, classifier: RiskClassifier, tmp_path: Path) -> Iterator[Officer]:
    """Twenty-two cases of the queue, a support case first."""
    texts = [f"{TEXTS[n % 2]} {n}" for n in range(23)]
    cases = [new_case(classifier, "r1", texts[0], support=True)]
    cases += [new_case(classifier, f"r{n}", texts[n - 1], priority=99 - n) for n in range(2, 24)]
    store = new_store(tmp_path / "cases.db", cases, model=classifier.fingerprint, clock=Walltime())
    drafts = own_drafts(tmp_path / "drafts.toml")
    with running(store, classifier, templates=drafts) as found:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=found.url)
        page = context.new_page()
        page.set_default_timeout(10_000)
        at_keys = Officer(page, found, store)
        page.on("request", lambda request: at_keys.requests.append(request.url))
        page.on("console", lambda message: at_keys.complaints.append(message.text))
        page.on("pageerror", lambda error: at_keys.complaints.append(str(error)))
        page.goto(found.access.address)
        yield at_keys
        context.close()


def test_an_hours_work_by_keys_alone(officer: Officer) -> None:
    page, store = officer.page, officer.store
    officer.press("l", "Tab", "Enter")  # the support list, and its first case
    assert officer.title == "Case 1" and "キーボード" not in page.inner_text("main")
    officer.press("e")
    assert "(juvenile_line)" in page.inner_text("#instructions[open]")
    officer.press("Escape", "o", "s")
    assert store.case(1).decision is Decision.NEEDS_SUPPORT
    page.keyboard.press("n")
    for number in range(2, 24):
        page.wait_for_selector(f"main h2:text-is('Case {number}')")
        assert page.evaluate("document.activeElement.id") == "case-title"
        officer.press("b")
        assert officer.title == f"Case {number}"  # nothing is decided on a closed text
        officer.press("o")
        text = TEXTS[(number - 1) % 2]
        assert text in page.inner_text("#post")
        in_japanese = not text.isascii()  # so is the draft
        match number % 5:
            case 0:
                officer.press("m", "1", "w")
                told = "ばつではありません" if in_japanese else "This is no punishment"
                assert told in officer.copied
            case 1:
                officer.press("a", "v", "1", "w")
                told = "同意があっても犯罪" if in_japanese else "Consent is no defence"
                assert told in officer.copied
            case 2:
                officer.press("u", "n")
            case 3:
                officer.press("c")
            case 4:
                officer.press("b")
        assert not officer.error
    page.wait_for_selector("text=No case is waiting")
    states = [store.case(number).state for number in range(2, 24)]
    assert states.count(State.WARNED) == 8
    decisions = [store.case(number).decision for number in range(2, 24)]
    assert decisions.count(Decision.UNCLEAR) == 5 and None not in decisions
    warned = [x for x in store.events(5) if x.action == "warn"]
    assert len(warned[0].detail["template"]) == 16
    officer.press("z")
    assert officer.title == "Case 23" and store.case(23).decision is None
    assert "undone" in page.inner_text("#said")
    assert officer.store.verify()
    assert {url.split("?")[0].split("/")[2] for url in officer.requests} == {
        officer.running.access.host
    }
    assert not [url for url in officer.requests if "?" in url and "/enter?" not in url]
    assert officer.complaints == []


def test_what_is_typed_and_composed_decides_nothing(officer: Officer) -> None:
    page, store = officer.page, officer.store
    officer.press("n", "o")

    def key(**how: Any) -> None:
        page.evaluate(
            "how => document.body.dispatchEvent("
            "new KeyboardEvent('keydown', {bubbles: true, ...how}))",
            {"code": "KeyB", "key": "b", **how},
        )
        page.wait_for_selector(DONE)

    for how in ({"isComposing": True}, {"repeat": True}, {"ctrlKey": True}, {"altKey": True}):
        key(**how)
    officer.press("g")
    page.keyboard.type("bam", delay=1)
    assert page.input_value("#guidance textarea") == "bam"
    page.click("#guidance [data-close]")
    officer.press("r")
    page.focus("select, #rebinding")
    assert store.case(2).state is State.ASSIGNED
    # What a Japanese input method makes of a key outside of a text field.
    key(key="Process", keyCode=229)
    assert store.case(2).decision is Decision.BENIGN
    officer.press("o", "g")  # what was written about one case is not offered for another
    assert page.input_value("#guidance textarea") == ""


def test_guidance_and_a_referral_with_a_second_person(officer: Officer) -> None:
    page, store = officer.page, officer.store
    officer.press("n", "o", "g")
    page.keyboard.type("a call")
    officer.press("Tab")
    page.keyboard.type("officer-7")
    officer.press("Enter")
    assert "another one" in officer.error
    officer.press("g")
    assert page.input_value("#guidance textarea") == "a call"
    page.fill("#guidance input", "chief-1")
    officer.press("Enter")
    page.wait_for_selector("text=decided: Guidance")
    officer.press("r")
    page.select_option("select[name=recipient]", "child_guidance")
    page.fill("form.fields input[name=second]", "officer-7")
    page.click("text=Mark as referred")
    page.wait_for_selector("#error:has-text('another one')")
    page.fill("form.fields input[name=second]", "chief-1")
    page.click("text=Mark as referred")
    page.wait_for_selector("text=Case 3")
    assert store.case(2).state is State.REFERRED


def test_keys_can_be_moved_and_switched_off_and_only_they_are_kept(officer: Officer) -> None:
    page = officer.page
    officer.press("n", "o", "k")
    page.click("[data-rebind=benign]")
    officer.press("a")  # the two keys change places
    officer.press("Escape")
    officer.press("b")
    assert officer.store.case(2).decision is Decision.ADULT
    page.reload()
    officer.press("z", "a")
    assert officer.store.case(2).decision is Decision.BENIGN
    officer.press("k")
    page.uncheck("#keys-on")
    officer.press("Escape", "n", "x")
    assert page.is_hidden("nav.bar kbd")
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert set(page.evaluate("Object.keys(localStorage)")) == {"riskclf.keys"}
    assert "キーボード" not in stored and "library" not in stored
    assert officer.store.case(3).state is State.ASSIGNED


def test_nothing_is_marked_as_warned_that_was_not_copied(officer: Officer) -> None:
    page = officer.page
    officer.press("n", "o", "m", "w")  # no draft is chosen
    assert page.evaluate("document.activeElement.type") == "radio"
    assert officer.store.case(2).state is State.DECIDED
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()) }")
    officer.press("1", "w")
    assert "clipboard" in officer.error
    assert officer.store.case(2).state is State.DECIDED


def test_rows_are_pasted(officer: Officer) -> None:
    page = officer.page
    page.evaluate("navigator.clipboard.writeText('x1\\t電車が遅れています\\nx2\\t雨が降る\\n')")
    officer.press("p", "Control+v")
    page.click("#paste button:text('Open cases')")
    page.wait_for_selector("text=Cases opened: 2")
    assert page.input_value("#paste textarea") == ""
    assert officer.store.known(["x1", "x2"]) == {"x1", "x2"}


def test_the_page_that_is_no_longer_there_is_announced(officer: Officer) -> None:
    officer.page.route("**/api/**", lambda route: route.abort())
    officer.press("n")
    assert "does not answer" in officer.error


def _violations(page: Any) -> list[str]:
    return [
        f"{found['id']}: {node['target']}"
        for found in page.evaluate("axe.run()")["violations"]
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    officer: Officer, language: str
) -> None:
    import axe_playwright_python

    axe = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    page = officer.page
    if language == "ja":
        page.click("button[lang=ja]")
        page.wait_for_selector("html[lang=ja]")

    def check() -> None:
        page.evaluate(axe.read_text(encoding="utf-8"))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert _violations(page) == []
        for width in (360, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width

    officer.press("l")
    check()
    officer.press("n", "o", "a", "r")
    check()
    page.evaluate("document.querySelectorAll('details').forEach(x => x.open = true)")
    officer.press("k")
    check()
    officer.press("Escape", "d")
    check()
    officer.press("Tab")  # the skip link is the first thing after a load
    page.reload()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
