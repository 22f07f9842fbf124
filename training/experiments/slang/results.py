"""The results file: finished runs, and their means over seeds."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from riskclf.errors import FormatError
from riskclf.evaluation.intervals import wilson
from riskclf.files import write_text
from riskclf.finetuning import Example
from training.posts.post import Post

__all__ = [
    "RESULTS",
    "Book",
    "Results",
    "means",
    "run_key",
]

RESULTS = Path(__file__).parents[1] / "slang.json"
"""The results file."""

Results = dict[str, Any]
"""The content of the file."""


class Book:
    """A part of the results file: finished runs by name, written after each of them.

    A run's key covers its model too. The other part is not changed.
    """

    def __init__(self, file: Path, part: str) -> None:
        self._file, self._part = file, part
        self.results: Results = {}
        if file.is_file():
            try:
                self.results = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                raise FormatError(f"{file} is not JSON: delete it to start again") from None
        self._old = self.results.pop(part, {})
        self.results[part] = {}

    @property
    def runs(self) -> dict[str, Any]:
        """The runs of this part so far."""
        found: dict[str, Any] = self.results[self._part]
        return found

    def has(self, name: str, key: str) -> bool:
        """Whether this run is finished, with this key; then it is among `runs`."""
        if self._old.get(name, {}).get("key") == key:
            self.runs[name] = self._old[name]
        return name in self.runs

    def add(self, name: str, run: Mapping[str, Any]) -> None:
        """Write a finished run, beside the earlier ones."""
        self.runs[name] = run
        self.write(self.results | {self._part: {**self._old, **self.runs}})

    def write(self, results: Mapping[str, Any]) -> None:
        """Replace the file."""
        write_text(self._file, json.dumps(results, indent=1) + "\n")


def run_key(model: str, settings: Any, learnt: Sequence[Example], posts: Sequence[Post]) -> str:
    """A hash of everything that a run depends on."""
    measured = [(post.id, post.text, sorted(post.target.items())) for post in posts]
    content = repr((model, settings, list(map(repr, learnt)), measured))
    return hashlib.sha256(content.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def means(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The runs of every method and size as one: means over seeds, each seed's value, an interval.

    Returns:
        Method to posts a term (as str) to `seeds`, `minutes`, `new` and `old`; every figure in
        them has value, seeds (the values), low and high (None where there is no interval;
        `training.experiments.slang.__main__` says which there is).
    """
    groups: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for run in sorted(runs.values(), key=lambda run: (run["size"], run["seed"] or 0)):
        groups[run["method"]][str(run["size"])].append(run)
    return {
        method: {
            size: {
                "seeds": [run["seed"] for run in found],
                "minutes": _mean([run["minutes"] for run in found]),
                **{part: _mean([run[part] for run in found]) for part in ("new", "old")},
            }
            for size, found in sizes.items()
        }
        for method, sizes in groups.items()
    }


def _mean(found: Sequence[Any]) -> Any:
    if isinstance(found[0], Mapping) and "value" not in found[0]:
        return {name: _mean([one[name] for one in found]) for name in found[0]}
    figures = [x if isinstance(x, Mapping) else {"value": x} for x in found]
    values = [x["value"] for x in figures]
    known = [x for x in figures if x["value"] is not None]
    result: dict[str, Any] = {"value": None, "seeds": values, "low": None, "high": None}
    if not known:
        return result
    result["value"] = float(np.mean([x["value"] for x in known]))
    if "of" in known[0]:
        result["of"] = of = float(np.mean([x["of"] for x in known]))
        result["low"], result["high"] = wilson(result["value"] * of, of)
    elif "low" in known[0]:
        for end in ("low", "high"):
            result[end] = float(np.mean([x[end] for x in known]))
    return result
