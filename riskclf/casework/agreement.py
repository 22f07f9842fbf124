"""What blind decisions tell: how good the model is, and how far two officers agree.

Only drawn cases count (`riskclf.casework.blind`), each with the decision that was made while the
model was hidden: that of both officers, or the one by which they settled. What was changed after
that is not blind, and does not count.

**The model.** A drawn case stands for ``size / probability`` posts. Within each of the model's
decisions (`flag`, `review`, `clear`) the share of risky posts is their weighted share (Hajek 1971).
How many posts got each decision is known from the triages, so the shares of the three are put
together by these numbers (post-stratification). Drawn cases that nobody has decided twice yet are
taken to be like the others of their decision. Posts on the support list, and those without a label
(`needs_support`, `guidance`, `cannot_tell`), are in none of the figures.

The intervals take in that no risky post among the drawn `clear` ones does not mean that there is
none: 20,000 draws from the three Jeffreys posteriors, with the effective number of independent
posts (`riskclf.evaluation.intervals`: weights, and cases of the same text as one family).

**The officers.** Cohen's kappa (1960) between the first and the second decision of a case, over all
decisions; its interval is that of the jackknife over cases of the same text. Each case counts once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import beta
from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload

from riskclf.casework.schema import Case, Event, StoreRecord
from riskclf.casework.states import Action, Decision, State
from riskclf.evaluation.figures import Estimate, Proportion
from riskclf.evaluation.intervals import Intervals, of_draws, ratio, wilson
from riskclf.evaluation.wording import Section, as_range, as_share
from riskclf.labels import DECISIONS
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from riskclf.casework.store import Store

    Floats = NDArray[np.float64]

__all__ = [
    "LABELS",
    "RISKY",
    "Agreement",
    "Blind",
    "agreement_of",
    "blind_cases",
    "figures_of",
    "sections_of",
]

RISKY = (Decision.MINOR, Decision.ADULT, Decision.UNCLEAR)
LABELS = (*RISKY, Decision.BENIGN)
_CHOICES = tuple(x for x in Decision if x is not Decision.DIFFER)
_DRAWS = 20_000


@dataclass(frozen=True)
class Blind:
    """A drawn case that was decided while the model was hidden."""

    case: Case
    first: Decision
    second: Decision
    settled: Decision | None
    """What both decided, or settled on; None where they still differ."""
    chain: int
    """Cases of the same text share it."""

    @property
    def weight(self) -> float:
        """How many posts it stands for."""
        assert self.case.drawn is not None
        return self.case.size / self.case.drawn


@dataclass(frozen=True)
class Agreement:
    """What blind decisions tell of the model that scored the latest cases."""

    posts: Mapping[str, int]
    """Scored posts that the drawn cases stand for, by the model's decision."""
    uncovered: int
    """Posts of triages in which none of those not listed was drawn."""
    drawn: int
    decided: int
    """Drawn cases that two officers have decided."""
    labelled: int
    """Of them, those with a label."""
    changed: int
    """Of them, those whose decision was changed when the model was shown."""
    other_models: int
    """Cases that were drawn when another model scored; in no figure but those of the officers."""
    share: Estimate
    """Of risky posts among `posts`."""
    precision: Mapping[str, Estimate]
    """Of ``flag``, and of ``shown``: `flag` and `review` together."""
    recall: Mapping[str, Estimate]
    pairs: int
    """Cases of which there are two decisions, of any model."""
    agreed: Proportion
    kappa: Estimate


def blind_cases(session: Session) -> list[Blind]:
    """The drawn cases that two officers have decided, in the order of their numbers.

    Args:
        session: of a store.
    """
    cases = session.scalars(select(Case).options(lazyload(Case.posts)).order_by(Case.id)).all()
    chain: dict[int, int] = {}
    for case in cases:
        earlier = case.earlier_id
        chain[case.id] = case.id if earlier is None else chain.get(earlier, earlier)
    wanted = {case.id for case in cases if case.drawn is not None}
    events: dict[int, list[Event]] = defaultdict(list)
    for event in session.scalars(select(Event).order_by(Event.id)):
        if event.case_id in wanted:
            events[event.case_id].append(event)
    found = []
    for case in cases:
        told = _told(events[case.id]) if case.id in wanted else None
        if told is not None:
            found.append(Blind(case, *told, chain[case.id]))
    return found


def agreement_of(store: Store) -> Agreement:
    """What the blind decisions of a store tell so far."""
    with store.reading() as session:
        model = session.scalars(select(StoreRecord)).one().model
        blind = blind_cases(session)
        runs = session.scalars(select(Event).where(Event.action == "open_cases")).all()
        drawn = session.execute(select(Case.model, Case.id).where(Case.drawn.is_not(None))).all()
    posts: Counter[str] = Counter()
    uncovered = 0
    for told in (run.detail for run in runs if run.detail.get("model") == model):
        if "share" not in told:
            continue
        posts.update(told["listed"])
        if told["drawn"]:
            posts.update(told["rest"])
        else:
            uncovered += sum(told["rest"].values())
    own = [x for x in blind if x.case.model == model]
    labelled = [x for x in own if x.settled in LABELS]
    share, precision, recall = figures_of(posts, labelled)
    agreed, kappa = _kappa(blind)
    of_model = sum(name == model for name, _id in drawn)
    return Agreement(
        {name: posts[name] for name in DECISIONS},
        uncovered,
        of_model,
        len(own),
        len(labelled),
        sum(x.settled not in (None, x.case.decision) for x in own),
        len(drawn) - of_model,
        share,
        precision,
        recall,
        len(blind),
        agreed,
        kappa,
    )


def _told(events: Sequence[Event]) -> tuple[Decision, Decision, Decision | None] | None:
    """First, second and settled decision of a case; None before there are two."""
    made: dict[int, Decision] = {}
    pair: tuple[Decision, Decision] | None = None
    for event in events:
        if event.action == "undo":
            made.pop(event.undoes or 0, None)
        elif event.action == Action.DECIDE:
            made[event.id] = Decision(event.detail["decided"])
        if event.end is State.DECIDED and event.action in (Action.DECIDE, Action.SETTLE):
            if pair is None:
                first, second = list(made.values())[-2:]
                pair = first, second
            if event.after is not Decision.DIFFER:
                return *pair, event.after
    return None if pair is None else (*pair, None)


def figures_of(
    posts: Mapping[str, int], cases: Sequence[Blind]
) -> tuple[Estimate, dict[str, Estimate], dict[str, Estimate]]:
    """Share of risky posts, precision and recall, see the module.

    Args:
        posts: how many the cases stand for, by the model's decision.
        cases: with a label.
    """
    draw = np.random.default_rng(0)
    values, draws = [], []
    for name in DECISIONS:
        of = [x for x in cases if x.case.suggested["decision"] == name]
        found = _risky(of)
        hits = (found.value or 0.0) * found.effective
        chances = beta(hits + 0.5, found.effective - hits + 0.5).rvs(_DRAWS, random_state=draw)
        size = posts.get(name, 0)
        values.append(0.0 if not size else np.nan if found.value is None else size * found.value)
        draws.append(size * chances)
    sizes = np.array([posts.get(name, 0) for name in DECISIONS], dtype=np.float64)
    value = np.array(values)
    drawn = np.stack(draws, axis=1)
    alarms = {"flag": ["flag"], "shown": ["flag", "review"]}
    precision, recall = {}, {}
    for alarm, names in alarms.items():
        rows = [DECISIONS.index(name) for name in names]
        part, parts = float(value[rows].sum()), drawn[:, rows].sum(axis=1)
        precision[alarm] = _estimate(part, parts, float(sizes[rows].sum()))
        recall[alarm] = _estimate(part, parts, float(value.sum()), drawn)
    share = _estimate(value.sum(), drawn.sum(axis=1), float(sizes.sum()))
    return share, precision, recall


def _estimate(part: float, parts: Floats, whole: float, wholes: Floats | None = None) -> Estimate:
    """A ratio with the interval of its draws."""
    divisors = np.asarray(whole if wholes is None else wholes.sum(axis=1))
    if not divisors.any():
        return Estimate(None, None, None)
    value = float(ratio(np.array(part), np.array(whole)))
    return of_draws(None if np.isnan(value) else value, parts / divisors)


def _risky(cases: Sequence[Blind]) -> Proportion:
    """The weighted share of risky cases."""
    every = np.ones(len(cases), dtype=bool)
    intervals = Intervals(
        len(cases),
        np.array([x.weight for x in cases], dtype=np.float64),
        np.array([x.chain for x in cases], dtype=np.int64),
    )
    return intervals.proportion(np.array([x.settled in RISKY for x in cases], dtype=bool), every)


def _kappa(cases: Sequence[Blind]) -> tuple[Proportion, Estimate]:
    """How often the two decisions are the same, and Cohen's kappa."""
    every = np.ones(len(cases), dtype=bool)
    same = np.array([x.first is x.second for x in cases], dtype=bool)
    intervals = Intervals(len(cases), family=np.array([x.chain for x in cases], dtype=np.int64))
    agreed = intervals.proportion(same, every)
    if not cases:
        return agreed, Estimate(None, None, None)
    size = len(_CHOICES)
    code = np.array([_CHOICES.index(x.first) * size + _CHOICES.index(x.second) for x in cases])
    table = intervals.table(every, code, size * size)
    found = intervals.difference(table, lambda sums: _kappa_of(sums, size))
    if found.value is not None and same.all():  # the jackknife sees no variance
        low = wilson(agreed.effective, agreed.effective)[0]
        by_chance = _by_chance(table.sum(axis=0), size)
        found = Estimate(found.value, float((low - by_chance) / (1 - by_chance)), 1.0)
    return agreed, found


def _kappa_of(sums: Floats, size: int) -> Floats:
    square = sums.reshape(*sums.shape[:-1], size, size)
    same = ratio(np.trace(square, axis1=-2, axis2=-1), sums.sum(axis=-1))
    by_chance = _by_chance(sums, size)
    return ratio(same - by_chance, 1 - by_chance)


def _by_chance(sums: Floats, size: int) -> Floats:
    square = sums.reshape(*sums.shape[:-1], size, size)
    products = (square.sum(axis=-1) * square.sum(axis=-2)).sum(axis=-1)
    return ratio(products, sums.sum(axis=-1) ** 2)


# In words -----------------------------------------------------------------------------------------


def sections_of(found: Agreement) -> list[Section]:
    """What was found, in the current language."""
    total = sum(found.posts.values())
    lines = [
        _(
            "{drawn:,} cases were drawn; two officers have decided {decided:,} of them, "
            "{labelled:,} with a label. They stand for {posts:,} posts."
        ).format(drawn=found.drawn, decided=found.decided, labelled=found.labelled, posts=total)
    ]
    if found.labelled:
        lines += [
            _("{what}: {share}").format(what=what, share=as_range(estimate))
            for what, estimate in (
                (_("Share of risky posts"), found.share),
                (_("Precision of flag"), found.precision["flag"]),
                (_("Precision of flag and review"), found.precision["shown"]),
                (_("Recall of flag"), found.recall["flag"]),
                (_("Recall of flag and review"), found.recall["shown"]),
            )
        ]
    if found.uncovered:
        lines.append(
            _(
                "In no figure: {count:,} posts of triages in which none of the posts not listed "
                "was drawn."
            ).format(count=found.uncovered)
        )
    if found.other_models:
        lines.append(
            _("Of another model, and in no figure here: {count:,} drawn cases.").format(
                count=found.other_models
            )
        )
    if found.changed:
        lines.append(
            _(
                "The decision of {count:,} cases was changed when the model was shown. The blind "
                "one counts here."
            ).format(count=found.changed)
        )
    officers = [_("There are no two blind decisions of a case yet.")]
    if found.pairs:
        officers = [
            _("The same decision: {share}").format(share=as_share(found.agreed)),
            _("Cohen's kappa: {kappa}").format(kappa=_number(found.kappa)),
        ]
    return [Section(_("The model"), lines), Section(_("Agreement of two officers"), officers)]


def _number(found: Estimate) -> str:
    if found.value is None or found.low is None or found.high is None:
        return _("unknown")
    return f"{found.value:.2f} ({found.low:.2f}–{found.high:.2f})"
