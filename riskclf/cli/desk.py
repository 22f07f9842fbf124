"""`riskclf casework next`, `show` and `act`: single steps for an officer without the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from riskclf.cli import options
from riskclf.cli.console import Screen, note, stoppable, visible
from riskclf.language import Language, speaking
from riskclf.language import gettext as _

if TYPE_CHECKING:
    from riskclf.casework.schema import Case
    from riskclf.casework.steps import How
    from riskclf.casework.store import Store

__all__ = ["Number", "Officer", "Second", "StoreName", "act", "next_case", "show"]

StoreName = Annotated[
    str,
    typer.Argument(
        metavar="STORE",
        help="The store: a file on a disk of this computer, or postgresql://USER@HOST/DATABASE.",
    ),
]
Officer = Annotated[str, typer.Option(metavar="ID", help="Who does it: an id that you choose.")]
Second = Annotated[str, typer.Option(metavar="ID", help="The second person, who agrees.")]
Number = Annotated[int, typer.Argument(metavar="CASE", help="Number of the case.")]
Drafts = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Print the drafts for the case too, from the agency's file (`riskclf casework "
        "drafts`). Nothing is sent.",
    ),
]


def next_case(
    store: StoreName,
    officer: Officer,
    support: Annotated[
        bool, typer.Option("--support", help="The next case of the support list; it is logged.")
    ] = False,
    drafts: Drafts = None,
    lang: options.Lang = Language.ENGLISH,
) -> None:
    """Take the next case in hand and print it, with the text of its post.

    First your own undecided case, then the riskiest that nobody else has.
    """
    from riskclf.casework import Store

    with stoppable(), speaking(lang):
        opened = Store.open(store)
        case = _of_support_list(opened, officer) if support else opened.next_case(officer)
        if case is None:
            note(_("No case is left to be read."))
        else:
            _print_case(opened, case, drafts, lang)
        if due := opened.checks_due():
            numbers = ", ".join(str(x.id) for x in due)
            note(_("Checks due: {numbers}").format(numbers=numbers))


def show(
    store: StoreName,
    case: Number,
    officer: Officer,
    drafts: Drafts = None,
    lang: options.Lang = Language.ENGLISH,
) -> None:
    """Take this case in hand and print it. Who reads a case has it in hand: others wait."""
    from riskclf.casework import Store

    with stoppable(), speaking(lang):
        opened = Store.open(store)
        _print_case(opened, opened.take(case, officer), drafts, lang)


def act(
    store: StoreName,
    case: Number,
    action: Annotated[
        str,
        typer.Argument(
            metavar="ACTION",
            help="decide, secure_evidence, warn, check, refer, release, skip, gone, do_not_warn, "
            "withdraw or settle; or undo, hold or lift_hold.",
        ),
    ],
    officer: Officer,
    decision: Annotated[
        str | None,
        typer.Option(
            help="With decide and settle: minor_solicitation, adult_solicitation, unclear, benign, "
            "needs_support, guidance or cannot_tell."
        ),
    ] = None,
    recipient: Annotated[
        str | None,
        typer.Option(
            help="With refer: investigators, other_prefecture, child_guidance, hotline or platform."
        ),
    ] = None,
    gone: Annotated[
        bool | None, typer.Option("--gone/--still-there", help="With check: is the post gone?")
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option(
            help="With check, in place of --gone: deleted, edited, still_there, account_gone or "
            "unknown."
        ),
    ] = None,
    template: Annotated[
        str | None, typer.Option(metavar="VERSION", help="With warn: version of the draft sent.")
    ] = None,
    second: Annotated[
        str | None, typer.Option(metavar="ID", help="A second person, who agrees.")
    ] = None,
    lang: options.Lang = Language.ENGLISH,
) -> None:
    """Record a step that was taken with a case. Nothing is sent."""
    from riskclf.casework import Store

    with stoppable(), speaking(lang):
        opened = Store.open(store)
        if action == "undo":
            done = opened.undo(case, officer, second=second)
        elif action in ("hold", "lift_hold"):
            done = opened.hold(case, officer, on=action == "hold")
        else:
            how: How = {"second": second, "template": template}
            if decision is not None:
                how["decision"] = decision
            if recipient is not None:
                how["recipient"] = recipient
            if gone is not None:
                how["gone"] = gone
            if outcome is not None:
                how["outcome"] = outcome
            done = opened.act(case, officer, action, **how)
        note(_state(done))


def _of_support_list(store: Store, officer: str) -> Case | None:
    """The first case of the support list that this officer can take."""
    from riskclf.casework.states import State
    from riskclf.errors import CaseError

    for case in store.support_list(officer):
        if case.state in (State.NEW, State.ASSIGNED):
            try:
                return store.take(case.id, officer)
            except CaseError:  # another officer has it
                continue
    return None


def _print_case(store: Store, case: Case, drafts: Path | None, lang: Language) -> None:
    from riskclf.casework.blind import is_hidden
    from riskclf.explanation.wording import sentence
    from riskclf.labels import Aspect

    first, *others = case.posts
    hidden = is_hidden(case)
    lines = [_state(case)]
    if hidden:
        lines.append(_("Two officers decide this case, each blind: the model is hidden."))
    else:
        told = case.suggested
        lines.append(f"{told['decision']}  {told['label']}  {told['risk']:.3f}")
        aspects = [
            Aspect(x["question"], tuple(x["answers"]), x["probabilities"])
            for x in told.get("aspects", ())
        ]
        if aspects:
            lines.append(sentence(aspects))
    lines += [_("Reference: {reference}").format(reference=x.reference) for x in case.posts]
    if first.posted_at is not None:
        time = f"{first.posted_at.astimezone():%Y-%m-%d %H:%M}"
        lines.append(_("Posted at: {time}").format(time=time))
    if others:
        lines.append(_("Posts that say the same: {count:,}").format(count=len(others)))
    if case.earlier_id is not None and not hidden:
        lines.append(_("Posted before: {case}").format(case=_state(store.case(case.earlier_id))))
    if first.context is not None:
        lines.append(_("It answers: {text}").format(text=first.context))
    screen = Screen()
    for line in lines:
        screen.print(Text(visible(line)), soft_wrap=True)
    screen.print(Text(visible(first.text), style="bold"), soft_wrap=True)
    if drafts is not None:
        _print_drafts(screen, case, drafts, lang)


def _print_drafts(screen: Screen, case: Case, path: Path, lang: Language) -> None:
    from riskclf.casework.drafts import Templates

    templates = Templates.read(path)
    offer = templates.offer(case, lang)
    if offer.reason is not None:
        note(offer.reason.translated())
    if case.support:
        for line in templates.support[lang].text.splitlines():
            note(line)
    for draft in offer.drafts:
        name = f"[{draft.side}.{draft.matter}] {draft.version}"
        if draft is offer.preselected:
            name = _("{draft}, suggested").format(draft=name)
        screen.print(Text(visible(name), style="dim"), soft_wrap=True)
        if draft.complete:
            screen.print(Text(visible(draft.text)), soft_wrap=True)
        else:
            keys = ", ".join(draft.missing)
            note(_("Not to be used yet. Set in {file}: {keys}").format(file=path, keys=keys))


def _state(case: Case) -> str:
    from riskclf.casework.handover import state_words

    state = state_words(case.state)
    if case.decision is None:
        return _("Case {number}: {state}").format(number=case.id, state=state)
    return _("Case {number}: {decision}; {state}").format(
        number=case.id, decision=case.decision, state=state
    )
