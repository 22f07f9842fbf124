"""`riskclf info`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from riskclf.cli import options
from riskclf.cli.console import indented, safe_json, stoppable, visible

__all__ = ["info"]


def info(
    model: options.Model = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all: files, hashes, and how it was trained.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Check it instead, and print one line for each check: every file, the signature "
            "(where RISKCLF_PUBLIC_KEY names a public key), the weights, and what each engine "
            "computes. Status 2 if a check fails.",
        ),
    ] = False,
) -> None:
    """Describe a model: labels, thresholds, operating points, licence and versions."""
    with stoppable():
        if verify:
            raise typer.Exit(_verified(model, as_json))
        values = options.load_classifier(model, "auto", 64, {}).info()
        if as_json:
            print(safe_json(values))
        else:
            print(indented(values if everything else _in_short(values)))


def _verified(model: str | None, as_json: bool) -> int:
    """Check a model, print what was found, and return the exit status."""
    from riskclf.verification import verify

    found = verify(model)
    if as_json:
        print(safe_json({**asdict(found), "ok": found.ok}))
        return 0 if found.ok else 2
    print(f"model: {visible(found.model)}")
    print(f"fingerprint: {found.fingerprint or 'unknown'}")
    for check in found.checks:
        print(f"{check.status:8}{visible(check.what)}: {visible(check.found)}")
    for name in found.unlisted:
        print(f"ignored {visible(name)}: riskclf.json does not list it, and it is never read")
    return 0 if found.ok else 2


def _in_short(values: Mapping[str, Any]) -> dict[str, str]:
    """What an analyst needs to know; a line is left out where the model does not say it."""
    saved: Mapping[str, Any] = values.get("saved_as", {})
    risks = saved.get("risk_labels", ())
    labels = (f"{x} (risk)" if x in risks else x for x in saved.get("labels", risks))
    thresholds: Mapping[str, float] = values.get("thresholds") or {}
    points: Mapping[str, Mapping[str, float]] = saved.get("operating_points", {})
    prevalence = saved.get("prevalence")
    accepted = saved.get("accepted")
    lines = {
        "model": values.get("model"),
        "fingerprint": values.get("fingerprint"),
        "labels": ", ".join(labels),
        **{name: f"risk >= {value:.3g}" for name, value in thresholds.items()},
        "operating points": ", ".join(
            f"{name} ({', '.join(f'{x} {value:.3g}' for x, value in point.items())})"
            for name, point in points.items()
        ),
        "calibrated at": prevalence and f"{prevalence:.1%} risky posts (see predict --prevalence)",
        "accepted": None if accepted is None else "yes" if accepted else "no: see its report",
        "licence": saved.get("provenance", {}).get("licence"),
        "versions": ", ".join(f"{name} {x}" for name, x in values.get("versions", {}).items()),
    }
    return {name: str(line) for name, line in lines.items() if line}
