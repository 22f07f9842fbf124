"""Model directories by somebody who means ill: a table of them, and changes by chance."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from random import Random

from tests.hostile.directories import ALLOWED, HOSTILE, TRACE, build
from tests.hostile.loading import faults, load_all
from tests.hostile.mutations import JSON_FILES, SAFETENSORS, change_bytes, change_json, fault_of
from tests.trust.check import Check, Tried

__all__ = ["CHECK"]

_CHANGES = 2_000


def _run(work: Path, scale: float) -> Tried:
    good, hostile, changed = (work / name for name in ("good", "hostile", "changed"))
    build(good)
    hostile.mkdir()
    loadings = load_all(good / "model", hostile)
    failures = [
        f"{x.name}: {fault}" for x in HOSTILE for fault in faults(loadings[x.name], x.file, x.says)
    ]
    failures += [f"{name}: {loadings[name].message}" for name in ALLOWED if loadings[name].error]
    failures += [f"a pickle was run: {file.name}" for file in hostile.rglob(TRACE)]
    found = Counter[str]()
    for number in range(max(1, round(_CHANGES * scale))):
        chance = Random(number)
        shutil.copytree(good / "model", changed)
        name = chance.choice((*JSON_FILES, *JSON_FILES, *SAFETENSORS))
        change = change_json if name in JSON_FILES else change_bytes
        done = change(changed, name, chance)
        fault = fault_of(changed)
        found["refused" if fault is None else "worked"] += 1
        if fault:
            failures.append(f"change {number}, {done}: {fault}")
        shutil.rmtree(changed)
    return Tried(
        {
            "hostile directories": len(HOSTILE),
            "directories with files that are never read": len(ALLOWED),
            "changes by chance": found.total(),
        },
        failures,
        {
            "changes refused": found["refused"],
            "longest refusal, seconds": max(loadings[x.name].seconds for x in HOSTILE),
        },
    )


CHECK = Check(
    name="artifacts",
    promise="A damaged or hostile model directory is refused in one line, before it labels a post "
    "and before memory is taken for what it claims to be.",
    how="A good model is changed in each way that we could think of, hashes and digest computed "
    "anew, and loaded by a process that may allocate 384 MB more and use the processor for five "
    "seconds. Then values of its JSON files and bytes of its safetensors files are changed by "
    "chance: it must be refused, or predict and explain.",
    mended="A million layers built for minutes, and 30 million labels allocated gigabytes; a pipe "
    "hung and a link to an endless file filled memory; deep JSON, 10**400, logits that are text, "
    "ids beyond the matrix and odd switches gave other errors; labels could control the terminal. "
    "All files are now read by one guarded reader, config.json is compared with the headers of the "
    "weights, and transformers gets the checked settings only.",
    run=_run,
)
