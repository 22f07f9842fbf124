"""A post goes through every command, the service and the page; then it is searched for."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from riskclf.labels import LABELS
from tests.trust.canary import Canary
from tests.trust.check import Check, Tried
from tests.trust.processes import labelled, model, wait_for

__all__ = ["CHECK", "COMMANDS", "Leaks"]

ROOT = Path(__file__).parents[2]
_CASES = "cases.db"
_TRIAGE = ["--capacity", "20/hour", "--hours", "1"]
_INIT = [
    *("--purpose", "test", "--legal-basis", "none", "--source", "here", "--retention", "30"),
    *("--double-share", "0"),  # one officer acts
]
_LEARN = ["finetune", "learned.csv", "--base", "MODEL"]

COMMANDS: dict[str, list[str]] = {
    "predict-text": ["predict", "POST", "--model", "MODEL"],
    "predict-text-explain": ["predict", "POST", "--model", "MODEL", "--explain"],
    "predict-packaged": ["predict", "POST"],
    "predict-screen": ["predict", "--input", "posts.csv", "--model", "MODEL"],
    **{
        f"predict-{suffix}": [
            *("predict", "--input", "posts.csv", "--model", "MODEL"),
            *("--output", f"asked/predicted.{suffix}"),
        ]
        for suffix in ("csv", "tsv", "jsonl", "parquet", "xlsx", "csv.gz")
    },
    "predict-explain": [
        *("predict", "--input", "posts.csv", "--model", "MODEL", "--explain", "--lang", "ja"),
        *("--output", "asked/explained.csv"),
    ],
    "predict-broken": [
        *("predict", "--input", "long.csv", "--model", "MODEL", "--output", "asked/broken.csv"),
    ],
    "predict-json": [
        *("predict", "--input", "bad.jsonl", "--model", "MODEL", "--output", "asked/bad.jsonl"),
    ],
    "explain-text": ["explain", "POST", "--model", "MODEL", "--numbers"],
    "explain-json": ["explain", "POST", "--model", "MODEL", "--json"],
    "explain-broken": ["explain", "POST", "--model", "MODEL"],
    "evaluate": [
        *("evaluate", "learned.csv", "--model", "MODEL", "--output", "report"),
        *("--against", "tfidf=others.csv", "--against", "MODEL", "--prevalence", "0.01"),
    ],
    "evaluate-text": [
        *("evaluate", "learned.csv", "--model", "MODEL", "--output", "asked/report"),
        *("--against", "tfidf=others.csv", "--include-text"),
    ],
    "evaluate-predicted": [
        *("evaluate", "asked/predicted.csv", "--label-column", "gold", "--output", "report-2"),
    ],
    "evaluate-broken": ["evaluate", "learned.csv", "--model", "MODEL", "--output", "report-3"],
    "finetune": [*_LEARN, "--output", "learned", "--natural", "posts.csv"],
    "finetune-broken": [*_LEARN, "--output", "learned-2", "--natural", "posts.csv"],
    "suggest": [
        *("suggest", "posts.csv", "--model", "MODEL", "--n", "3", "--output", "asked/label.csv"),
    ],
    "suggest-broken": [
        *("suggest", "posts.csv", "--model", "MODEL", "--n", "3", "--output", "asked/label-2.csv"),
    ],
    "thresholds": [
        *("thresholds", "--model", "MODEL", "--flag", "0.9", "--review", "0.5"),
        *("--output", "other"),
    ],
    "info": ["info", "--model", "MODEL"],
    "triage": ["triage", "posts.csv", "--model", "MODEL", "--output", "asked/list.xlsx", *_TRIAGE],
    "init": ["casework", "init", _CASES, *_INIT, "--audit-log", "audit.jsonl"],
    "triage-store": [
        *("triage", "posts.csv", "--model", "MODEL", "--store", _CASES, "--officer", "chief"),
        *_TRIAGE,
    ],
    "triage-broken": [
        *("triage", "posts.csv", "--model", "MODEL", "--output", "asked/list-2.csv", *_TRIAGE),
    ],
    "next": ["casework", "next", _CASES, "--officer", "officer-1"],
    "show": ["casework", "show", _CASES, "1", "--officer", "officer-1"],
    "act-note": [
        *("casework", "act", _CASES, "1", "secure_evidence", "--officer", "officer-1"),
    ],
    "act": [
        *("casework", "act", _CASES, "1", "decide", "--decision", "minor_solicitation"),
        *("--officer", "officer-1"),
    ],
    "act-wrong": ["casework", "act", _CASES, "1", "POST", "--officer", "officer-1"],
    "handover": ["casework", "handover", _CASES],
    "export": [
        *("casework", "export", _CASES, "--output", "asked/export.csv"),
        *("--officer", "officer-1", "--second", "chief"),
    ],
    "verify": ["casework", "verify", _CASES],
    "audit-verify": ["audit", "verify", "audit.jsonl"],
    "audit-merge": ["audit", "merge", "audit.jsonl", "--output", "merged.jsonl"],
}
"""By name: MODEL stands for the model, POST for the post. What is asked to hold text lies in the
directory ``asked`` or is the store; ``-broken`` runs fail in the middle."""

_FAULTS = {"predict-broken": 1, "finetune-broken": 3}
"""How often a text is read before the error; 0 for all others."""

_SHOW_TEXT = (
    "predict-text",
    "predict-packaged",
    "predict-text-explain",
    "predict-screen",
    "explain-text",
    "next",
    "show",
)
"""Commands whose standard output shows posts."""

_KEPT = """async () => [
    localStorage.length, sessionStorage.length, document.cookie.length,
    (await indexedDB.databases()).length, (await caches.keys()).length,
    (await navigator.serviceWorker.getRegistrations()).length,
]"""
"""How much a page has put into each store of the browser that scripts can read."""


@dataclass
class Leaks:
    """One search; `failures` says where the post was found."""

    place: Path
    canary: Canary
    umask: int = 0
    failures: list[str] = field(default_factory=list)
    tried: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.work, self.home, self.logs = (self.place / x for x in ("work", "home", "logs"))
        for directory in (self.work / "asked", self.home / "tmp", self.logs):
            directory.mkdir(parents=True)
        self.network = self.place / "network.txt"

    @property
    def environment(self) -> dict[str, str]:
        """Where caches and temporary files go is ours."""
        kept = {x: os.environ[x] for x in ("PATH", "OMP_NUM_THREADS", "LANG") if x in os.environ}
        home = str(self.home)
        return kept | {
            **{"HOME": home, "XDG_CACHE_HOME": f"{home}/cache", "TMPDIR": f"{home}/tmp"},
            **{"HF_HOME": f"{home}/hf", "MPLCONFIGDIR": f"{home}/mpl", "PYTHONPATH": str(ROOT)},
            **{
                "PYTHONDEVMODE": "1",
                "PYTHONIOENCODING": "utf-8",
            },
        }

    def write_inputs(self) -> None:
        """Tables with the post as text, and as a part of rows that cannot be used."""
        post = self.canary.post
        ordinary = [f"今日は図書館で本を三冊借りました {n}" for n in range(8)]
        # With other numbers, so that triage takes them for other posts.
        texts = [post, f"{post}。", f"{post} 16", f"{post} 27", f"{post} 38", *ordinary]
        with (self.work / "posts.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["reference", "text", "gold", "context"])
            for n, text in enumerate(texts):
                writer.writerow([f"r{n}", text, LABELS[n % 3], post])
            writer.writerow(["r98", post, post, post, post])
            writer.writerow([post, "", "benign", post])
        words = f"{self.canary.kana} {self.canary.letters}"
        for name, first in (("learned.csv", 0), ("others.csv", 1000)):
            with labelled(self.work / name, 30, f"{words} {first}").open("a", newline="") as file:
                csv.writer(file).writerow([post, post])
        with (self.work / "long.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["text"], *([f"{post} {n}"] for n in range(1500))])
        lines = [json.dumps({"text": post}), f'{{"text": "{post}', f'{{"{post}": 1}}', post]
        (self.work / "bad.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, names: list[str]) -> None:
        """Run these commands, those named -broken with an error whose message is the posts."""
        values = {"MODEL": str(self.place / "model"), "POST": self.canary.post}
        commands = [
            {
                "name": name,
                "arguments": [values.get(x, x) for x in COMMANDS[name]],
                "umask": self.umask,
                "fault": [self.canary.kana, _FAULTS.get(name, 0)] if "broken" in name else None,
            }
            for name in names
        ]
        job = {"commands": commands, "logs": str(self.logs), "network": str(self.network)}
        with (self.logs / "driver.err").open("wb") as errors:
            done = subprocess.run(
                [sys.executable, "-m", "tests.trust.driven"],
                input=json.dumps(job).encode(),
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.work,
                env=self.environment,
                check=False,
            )
        if done.returncode:
            self.failures.append(f"the commands ended with status {done.returncode}")
            return
        self.tried["runs of commands"] = len(names)
        statuses = json.loads(done.stdout)
        wrong = ("broken", "wrong", "act-note")
        for name, status in statuses.items():
            if (status == 2) != any(x in name for x in wrong):
                self.failures.append(f"{name} ended with status {status}")

    def search(self) -> None:
        """Note every file that holds the post and must not, or that others may read."""
        searched = [x for x in self.place.rglob("*") if x.is_file()]
        self.tried["files searched"] = len(searched)
        inputs = {"posts.csv", "learned.csv", "others.csv", "long.csv", "bad.jsonl"}
        for path, forms in self.canary.files_with(self.place).items():
            name = path.relative_to(self.place)
            if path.parent == self.work and path.name in inputs:
                continue
            shown = name.parts[0] == "logs" and path.suffix == ".out" and path.stem in _SHOW_TEXT
            asked = name.parts[:2] == ("work", "asked") or path.name.startswith(_CASES)
            if not (shown or asked):
                self.failures.append(f"{name} holds the post ({forms[0]})")
            elif (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
                self.failures.append(f"{name} holds the post and has mode {mode:o}")
        if self.network.exists():
            lines = self.network.read_text(encoding="utf-8").splitlines()
            self.failures += [f"network: {line}" for line in dict.fromkeys(lines)]

    def serve(self) -> None:
        """Send the post to the service in requests that are right, wrong, too late or too large."""
        arguments = ["--port", "0", "--explain", "--timeout", "5", "--max-posts", "50"]
        with self._running("serve", *arguments, "--max-bytes", "20000") as err:
            url = wait_for(lambda: _address(err))
            with httpx2.Client(base_url=url, timeout=60) as client:
                self._ask(client)

    @contextmanager
    def _running(self, command: str, *arguments: str) -> Iterator[Path]:
        """A command that answers until it is terminated, without a network; what it logs to."""
        out, err = (self.logs / f"{command}.{x}" for x in ("out", "err"))
        code = (
            "import sys; from pathlib import Path; from tests.trust.driven import refuse_network; "
            "refuse_network(Path(sys.argv.pop(1))); from riskclf.cli import main; sys.exit(main())"
        )
        chosen = ["--model", str(self.place / "model")]
        with out.open("wb") as told, err.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", code, str(self.network), command, *arguments, *chosen],
                stdout=told, stderr=errors, cwd=self.work, env=self.environment,
            )  # fmt: skip
        try:
            yield err
        finally:
            process.terminate()
            process.wait(60)

    def _ask(self, client: httpx2.Client) -> None:
        post = self.canary.post
        quoted = json.dumps({"text": post}).encode()
        bodies: list[tuple[str, bytes]] = [
            ("/v1/predict", quoted),
            ("/v1/explain", quoted),
            ("/v1/predict", quoted[:-2]),
            ("/v1/predict", post.encode()),
            ("/v1/predict", post.encode("utf-16")),
            ("/v1/predict", json.dumps([post]).encode()),
            ("/v1/predict", json.dumps({"text": {post: post}}).encode()),
            ("/v1/predict", json.dumps({"text": [post, 3]}).encode()),
            ("/v1/predict", json.dumps({post: post}).encode()),
            ("/v1/predict", json.dumps({"text": [post] * 51}).encode()),
            ("/v1/predict", json.dumps({"text": post * 3000}).encode()),
            ("/v1/predict", json.dumps({"text": post, "language": post}).encode()),
            (f"/v1/{post}", quoted),
            (f"/v1/predict?text={post}", quoted),
            ("/metrics", quoted),
        ]
        for number, (path, body) in enumerate(bodies):
            headers = {"Content-Type": "application/json", "User-Agent": self.canary.letters}
            answer = client.post(path, content=body, headers=headers)
            self._answered(f"request {number}", answer)
        for path in (f"/{post}", f"/docs?{post}", "/metrics", "/openapi.json", "/docs"):
            self._answered(path[:5], client.get(path))
        self.tried["requests to the service"] = len(bodies) + 5

    def _answered(self, what: str, answer: Any) -> None:
        """No answer of the service holds a post, right or wrong; nor do its headers."""
        content = answer.content + repr(dict(answer.headers)).encode()
        if forms := self.canary.found_in(content):
            self.failures.append(f"the answer to {what} holds the post ({forms[0]})")

    def review(self) -> None:
        """Read the post on the page in a browser, and look at what the browser keeps."""
        from playwright.sync_api import sync_playwright

        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        profile = self.place / "profile"
        with self._running("review", _CASES, "--officer", "officer-2") as err:
            url = wait_for(lambda: _entry(err))
            with sync_playwright() as started:
                context = started.chromium.launch_persistent_context(
                    str(profile),
                    executable_path=chromium,
                    args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-breakpad"],
                    env={**self.environment},
                )
                page = context.new_page()
                page.goto(url)
                seen = 0
                for key in ("n", *("o", "b") * 10, "z", "o"):
                    page.keyboard.press(key)
                    page.wait_for_timeout(100)
                    page.wait_for_selector("body:not([aria-busy])")
                    seen += self.canary.kana in page.content()
                if not seen:
                    self.failures.append("the page did not show the post: nothing was tried")
                kept = page.evaluate(_KEPT)
                if kept != [0] * len(kept):
                    self.failures.append(f"the page keeps something in the browser: {kept}")
                shown = f"{page.title()} {page.url}".encode()
                if self.canary.found_in(shown):
                    self.failures.append("the page's title or address holds the post")
                page.goto("about:blank")
                time.sleep(1)
                context.close()
        self.tried["files of the browser"] = sum(x.is_file() for x in profile.rglob("*"))


def _address(log: Path) -> str:
    text = log.read_text(encoding="utf-8")
    return text.split("listening on ")[1].split("/docs")[0] if "startup complete" in text else ""


def _entry(log: Path) -> str:
    found = re.search(r"http://[\d.:]+/enter\?token=\S+", log.read_text(encoding="utf-8"))
    return found[0] if found else ""


def _run(place: Path, scale: float) -> Tried:
    failures: list[str] = []
    tried: dict[str, int] = {}
    for number, umask in enumerate((0, 0o022) if scale == 1.0 else (0,)):
        at = place / f"umask-{umask:o}"
        model(at / "model")
        leaks = Leaks(at, Canary.drawn(number), umask)
        leaks.write_inputs()
        leaks.run([*COMMANDS])
        leaks.serve()
        leaks.review()
        leaks.search()
        failures += [f"umask {umask:03o}: {line}" for line in leaks.failures]
        for unit, count in leaks.tried.items():
            tried[unit] = tried.get(unit, 0) + count
    tried["encodings of two random words searched for"] = len(Canary.drawn(0).forms())
    return Tried(tried, failures)


CHECK = Check(
    name="leaks",
    promise="Text of a post is only where a user asked for it: in tables, on the screen and in "
    "case stores, which only their owner may read; not in logs, errors, temporary files, "
    "caches, reports, models or the browser. Nothing reaches another computer.",
    how="A harmless post with random words goes through every command, failing ones too, in"
    " Python's development mode, through the service, wrong requests included, and the page in "
    "Chromium. Then every file of the home, temporary, cache and work directories and of the "
    "browser's profile is searched for the words. Every attempt to reach another computer is "
    "refused and counted.",
    mended="An error that nobody expected told its own message, which may hold a post; now it "
    "tells where it was raised. Tables had the mode that the umask gives; now they have 0600 "
    "from the first byte.",
    run=_run,
)
