"""The figures of MODEL_CARD.md: measured, stored, and written into the card.

``python -m training.report --corpora DIR`` scores the dev split and every held-out corpus with the
packaged model and writes `results.json`. ``python -m training.report`` alone only writes the card
anew from that file and from the posts; a test compares them. The test split is not looked at here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from riskclf import Label, Prediction, RiskClassifier
from training.agreement import COLUMNS as AGREEMENT_COLUMNS
from training.agreement import agreement_rows
from training.baselines import baseline_rows
from training.corpora import Corpora
from training.dataset import SPLITS, Post, load_posts

__all__ = ["card_with", "measure_dev", "measure_natural", "proportion"]

CARD = Path(__file__).parent.parent / "MODEL_CARD.md"
RESULTS = Path(__file__).parent / "results.json"
_RISKY = (Label.MINOR_SOLICITATION, Label.ADULT_SOLICITATION)


def proportion(hits: int, of: int) -> dict[str, Any]:
    """Count, total, and the 95 % Wilson interval of the share."""
    interval = binomtest(hits, of).proportion_ci(method="wilson")
    return {"hits": hits, "of": of, "low": round(interval.low, 5), "high": round(interval.high, 5)}


def measure_dev(classifier: RiskClassifier, posts: Sequence[Post]) -> dict[str, Any]:
    """Figures on the dev split, whose families were not trained on."""
    dev = [post for post in posts if post.split == "dev"]
    predictions = classifier.predict_many([post.text for post in dev])
    pairs = list(zip(dev, predictions, strict=True))
    hard = [(post, found) for post, found in pairs if len(post.target) == 1]
    risky = [(post, found) for post, found in hard if post.risky]
    found_risky = [(post, found) for post, found in risky if found.label != Label.BENIGN]
    benign = [(post, found) for post, found in hard if not post.risky]
    soft = [(post, found) for post, found in pairs if len(post.target) > 1]
    return {
        "macro_f1": _macro_f1(hard),
        "recall": {
            label: proportion(*_count(risky, label, lambda post, found: found.label == post.kind))
            for label in _RISKY
        },
        "recall_at_review": {
            label: proportion(*_count(risky, label, lambda _, found: found.decision != "clear"))
            for label in _RISKY
        },
        "other_risky_label": proportion(
            sum(found.label != post.kind for post, found in found_risky), len(found_risky)
        ),
        "benign_flag": _share(benign, ("flag",)),
        "benign_flag_or_review": _share(benign, ("flag", "review")),
        "soft_flag_or_review": _share(soft, ("flag", "review")),
    }


def measure_natural(classifier: RiskClassifier, corpora: Corpora) -> dict[str, Any]:
    """Figures on each held-out corpus, all of whose lines are taken for benign."""
    result = {}
    sources = corpora.of("heldout")
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("lines", total=sum(source.line_count for source in sources))
        for source in sources:
            labels: Counter[str] = Counter()
            decisions: Counter[str] = Counter()
            for found in classifier.stream(source.lines()):
                labels[found.label] += 1
                decisions[found.decision] += 1
                bar.advance(task)
            total = labels.total()
            result[source.path.name] = {
                "risk_label": proportion(total - labels[Label.BENIGN], total),
                "flag": proportion(decisions["flag"], total),
                "flag_or_review": proportion(total - decisions["clear"], total),
            }
    return result


def measure_buried(
    classifier: RiskClassifier, posts: Sequence[Post], corpora: Corpora
) -> dict[str, Any]:
    """Share of Japanese risky dev posts that are found behind so many characters of other text."""
    risky = [p for p in posts if p.split == "dev" and p.risky and p.lang == "ja"]
    source = next(source for source in corpora.of("heldout", language="ja"))
    ordinary = " ".join(source.lines())
    result = {}
    for length in (0, 100, 200, 400, 800):
        found = classifier.predict_many(
            f"{ordinary[number * 1000 :][:length]} {post.text}" for number, post in enumerate(risky)
        )
        hits = sum(prediction.decision != "clear" for prediction in found)
        result[str(length)] = proportion(hits, len(risky))
    return result


def card_with(card: str, results: Mapping[str, Any], posts: Sequence[Post]) -> str:
    """The text of MODEL_CARD.md with its measured sections written anew."""
    for name, text in (
        ("dev", _dev_table(results["dev"])),
        ("natural", _natural_table(results["natural"])),
        ("model", _table(("what", "value"), results["model"].items())),
        ("baselines", _table(("baseline", "setting", "macro-F1 on dev"), results["baselines"])),
        ("buried", _buried_table(results["buried"])),
        ("widths", _widths_table(posts)),
        ("agreement", _table(AGREEMENT_COLUMNS, agreement_rows())),
        ("counts", _counts_table(posts, "split", SPLITS)),
        ("languages", _counts_table(posts, "lang", ("ja", "en", "ko", "zh"))),
        ("slices", _counts_table(posts, "slice", sorted({post.slice for post in posts}))),
    ):
        sections = re.split(f"(<!-- /?{name} -->\n)", card)
        if len(sections) != 5:
            raise ValueError(f"MODEL_CARD.md must have one section {name}, opened and closed")
        sections[2] = text
        card = "".join(sections)
    return card


def _count(pairs: Iterable[tuple[Post, Prediction]], label: str, counts: Any) -> tuple[int, int]:
    chosen = [(post, found) for post, found in pairs if post.kind == label]
    return sum(counts(post, found) for post, found in chosen), len(chosen)


def _share(pairs: Sequence[tuple[Post, Prediction]], decisions: Sequence[str]) -> dict[str, Any]:
    return proportion(sum(found.decision in decisions for _, found in pairs), len(pairs))


def _macro_f1(pairs: Sequence[tuple[Post, Prediction]]) -> dict[str, Any]:
    """Macro-F1 with a percentile interval from 1,000 draws of whole families."""
    labels = tuple(map(str, Label))
    families: dict[str, list[tuple[str, str]]] = {}
    for post, found in pairs:
        families.setdefault(post.family, []).append((post.kind, found.label))

    def score(chosen: Iterable[list[tuple[str, str]]]) -> float:
        true, predicted = zip(*(pair for family in chosen for pair in family), strict=True)
        return float(f1_score(true, predicted, labels=labels, average="macro", zero_division=0))

    names = sorted(families)
    rng = np.random.default_rng(0)
    draws = [score(families[name] for name in rng.choice(names, len(names))) for _ in range(1000)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return {
        "value": round(score(families.values()), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "posts": len(pairs),
        "families": len(families),
    }


def _percent(figure: Mapping[str, Any]) -> str:
    share = 100 * figure["hits"] / figure["of"]
    bounds = f"{100 * figure['low']:.2f}–{100 * figure['high']:.2f}"
    return f"{share:.2f} % ({bounds}), {figure['hits']:,} of {figure['of']:,}"


def _dev_table(dev: Mapping[str, Any]) -> str:
    f1 = dev["macro_f1"]
    rows = [
        (
            "macro-F1 over the three labels",
            f"{f1['value']:.3f} ({f1['low']:.3f}–{f1['high']:.3f}), {f1['posts']} posts of "
            f"{f1['families']} families",
        ),
        *((f"recall of {x}, by label", _percent(dev["recall"][x])) for x in _RISKY),
        *((f"recall of {x}, flag or review", _percent(dev["recall_at_review"][x])) for x in _RISKY),
        ("risky posts found, with the other risky label", _percent(dev["other_risky_label"])),
        ("benign look-alikes, flag", _percent(dev["benign_flag"])),
        ("benign look-alikes, flag or review", _percent(dev["benign_flag_or_review"])),
        ("unclear posts, flag or review", _percent(dev["soft_flag_or_review"])),
    ]
    return _table(("dev split", "share (95 % interval), count"), rows)


def _natural_table(natural: Mapping[str, Any]) -> str:
    rows = [
        (name, *(_percent(figures[x]) for x in ("risk_label", "flag", "flag_or_review")))
        for name, figures in natural.items()
    ]
    return _table(("held-out corpus", "risk label", "flag", "flag or review"), rows)


def _buried_table(buried: Mapping[str, Any]) -> str:
    rows = [(length, _percent(figure)) for length, figure in buried.items()]
    return _table(("characters of ordinary text before it", "flag or review"), rows)


def _widths_table(posts: Sequence[Post]) -> str:
    """How wide the intervals on the test split will be, at the shares that are aimed at."""
    counts = Counter("unclear" if "+" in p.kind else p.kind for p in posts if p.split == "test")
    rows = []
    for kind, share in (
        (_RISKY[0], 0.95),
        (_RISKY[1], 0.95),
        (Label.BENIGN, 0.03),
        ("unclear", 0.7),
    ):
        found = proportion(round(share * counts[kind]), counts[kind])
        low, high = 100 * found["low"], 100 * found["high"]
        rows.append((kind, str(found["of"]), f"{100 * share:.0f} %", f"{low:.1f}–{high:.1f} %"))
    return _table(("test posts", "count", "a share of", "would have the interval"), rows)


def _counts_table(posts: Sequence[Post], field: str, values: Sequence[str]) -> str:
    kinds = sorted({post.kind for post in posts}, key=lambda kind: ("+" in kind, kind))
    rows = []
    for value in values:
        chosen = [post for post in posts if getattr(post, field) == value]
        counts = Counter(post.kind for post in chosen)
        families = len({post.family for post in chosen})
        rows.append((value, *(str(counts[kind]) for kind in kinds), str(families)))
    return _table((field, *kinds, "families"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + " --- |" * len(head))
    return "\n".join(lines) + "\n"


def main(
    corpora: Annotated[Path | None, typer.Option(help="Measure anew, with these corpora.")] = None,
) -> None:
    """Measure (with --corpora) and write MODEL_CARD.md anew."""
    posts = load_posts()
    if corpora is not None:
        classifier = RiskClassifier.load(device="cpu")
        info = classifier.info()
        saved = info["saved_as"]
        results = {
            "model": {
                "SHA-256 of model.safetensors": saved["files"]["model.safetensors"],
                "parameters": f"{info['parameters']:,}",
                "longest window, tokens": str(info["max_tokens"]),
                "temperature": f"{saved['temperature']:.4f}",
                "flag from a risk of": f"{saved['operating_point']['flag']:.4f}",
                "review from a risk of": f"{saved['operating_point']['review']:.4f}",
            },
            "baselines": baseline_rows(posts),
            "dev": measure_dev(classifier, posts),
            "buried": measure_buried(classifier, posts, Corpora.load(corpora)),
            "natural": measure_natural(classifier, Corpora.load(corpora)),
        }
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    card = card_with(CARD.read_text(encoding="utf-8"), results, posts)
    CARD.write_text(card, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
