"""Changes a model directory by chance: it must be refused, or work."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from random import Random
from typing import Any

from riskclf.artifact import load
from riskclf.classifier import RiskClassifier
from riskclf.errors import RiskclfError
from tests.hostile.directories import joined, reseal, split

__all__ = ["JSON_FILES", "SAFETENSORS", "change_bytes", "change_json", "fault_of"]

JSON_FILES = ("riskclf.json", "config.json", "tokenizer_config.json")
SAFETENSORS = tuple(f"{x}.safetensors" for x in ("model", "ngrams", "neighbours", "aspects"))

_POSTS = ("今日は山で雨が降った", "", "Does anybody know when the library opens?", "雨" * 300)

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 63, 10**6, 10**9, 10**30, 10**400),
    *(0.5, -0.5, 1e-300, 1e300, math.inf, math.nan),
    *("", "0", "1.5", "x", "../x", "/etc/passwd", "\x1b[2J", "\u202e", "\ud800", "雨" * 2000),
    *([], {}, [[]], [0], ["x"], {"a": 1}, {"0": "x"}),
)


def change_json(directory: Path, name: str, chance: Random) -> str:
    """Change one value of a JSON file, and compute hashes anew; what was done, in words."""
    values = json.loads((directory / name).read_text(encoding="utf-8"))
    done = _mutate(values, chance)
    (directory / name).write_text(json.dumps(values), encoding="utf-8")
    reseal(directory)
    return f"{name}: {done}"


def change_bytes(directory: Path, name: str, chance: Random) -> str:
    """Change a safetensors file, and compute hashes anew; what was done, in words."""
    content = (directory / name).read_bytes()
    header, tensors = split(content)
    start = len(content) - len(tensors)
    how = chance.choice(("header", "a byte of the header", "a byte", "a number", "cut", "longer"))
    if how == "header":
        how = f"header: {_mutate(header, chance)}"
        changed = joined(header, tensors)
    elif how == "cut":
        changed = content[: chance.randrange(len(content))]
    elif how == "longer":
        place = chance.randrange(len(content))
        changed = content[:place] + bytes(chance.randrange(1, 100)) + content[place:]
    else:
        end = start if how == "a byte of the header" else len(content)
        place = chance.randrange(start if how == "a number" else 0, end)
        changed = content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
        how = f"{how}, {place}"
    (directory / name).write_bytes(changed)
    reseal(directory)
    return f"{name}: {how}"


def _mutate(values: Any, chance: Random) -> str:
    """Change one place of a JSON value."""
    places: list[tuple[Any, Any]] = []
    left = [values]
    while left:
        container = left.pop()
        keys = [*container] if isinstance(container, dict) else range(len(container))
        for key in keys:
            places.append((container, key))
            if isinstance(container[key], dict | list):
                left.append(container[key])
    container, key = chance.choice(places)
    how = chance.choice(
        ("value", "value", "value", "without", "wrapped", "deep", "swapped", "more")
    )
    old = container[key]
    if how == "without":
        del container[key]
    elif how == "wrapped":
        container[key] = [old]
    elif how == "deep":
        for _ in range(chance.choice((2, 150, 400))):
            old = {"a": old} if chance.random() < 0.5 else [old]
        container[key] = old
    elif how == "swapped":
        other, name = chance.choice(places)
        container[key] = copy.deepcopy(other.get(name) if isinstance(other, dict) else other)
    elif how == "more" and isinstance(container, dict):
        container[chance.choice(("x", "", "auto_map", "\x1b[2J"))] = chance.choice(_VALUES)
    else:
        container[key] = chance.choice(_VALUES)
    return f"{how} at {key!a}, now {str(container)[:80]!a}"


def fault_of(directory: Path) -> str | None:
    """Load a directory, and use the model where it loads.

    Returns:
        None where it was refused in one line; empty where it works; otherwise what went wrong.
    """
    try:
        loaded = load(directory, device="cpu", batch_size=8)
    except RiskclfError as error:
        message = str(error)
        is_fine = message.isprintable() and len(message) < 600
        return None if is_fine else f"a message that is not one short line: {message[:200]!a}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]!a}"
    try:
        classifier = RiskClassifier(loaded)
        for post in _POSTS:
            explained = classifier.explain(post)
            scores = explained.prediction.scores.values()
            if not math.isclose(sum(scores), 1, abs_tol=1e-6):
                return "scores that do not add up"
        classifier.info()
    except Exception as error:
        return f"after loading, {type(error).__name__}: {str(error)[:200]!a}"
    return ""
