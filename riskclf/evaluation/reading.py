"""The last section of a report: its terms, and what its figures cannot say."""

from __future__ import annotations

from riskclf.evaluation.metrics import TOO_WIDE
from riskclf.evaluation.wording import Section, Table
from riskclf.language import gettext as _

__all__ = ["how_to_read", "rule_for_parts"]


def rule_for_parts() -> str:
    """Which slices and languages are named as weak."""
    return _(
        "A slice or language is named here if its whole confidence interval is worse than the "
        "figure for all posts, and if there are enough posts to judge it: the interval is at most "
        "{points:.0f} points wide. 40 posts are enough for this; with shares near 0 % or 100 %, "
        "10 are. Where families are given, it takes more."
    ).format(points=100 * TOO_WIDE)


def how_to_read() -> Section:
    """Terms, methods and limits."""
    terms = [
        (_("flag"), _("The risk is high: a person should look at this post first.")),
        (_("review"), _("The model is not sure: a person should look at this post.")),
        (_("clear"), _("The model found no risk. Clear does not mean safe.")),
        (_("alarm"), _("A post at flag or review.")),
        (_("precision"), _("Of the alarms, the share that are risky posts.")),
        (_("recall"), _("Of the risky posts, the share that raise an alarm (found).")),
        (
            _("false positive rate"),
            _("Of the benign posts, the share that raise an alarm (false positives)."),
        ),
        (_("F1"), _("One figure for precision and recall: high only if both are high.")),
        (_("macro-F1"), _("The mean of the F1 of all labels, each with the same weight.")),
        (_("accuracy"), _("The share of posts that get the right label.")),
        (
            _("95 % confidence interval"),
            _(
                "The values that the true figure may have, given how few posts were measured. If "
                "0 of 20 posts are found, the true share may still be as high as 16 %."
            ),
        ),
    ]
    return Section(
        _("How to read this report"),
        [
            _(
                "Methods. Intervals: Wilson (1927); with families, for as many independent posts "
                "as these posts are worth (Korn and Graubard 1998). Precision on your stream: "
                "recall and false positive rate drawn from their Jeffreys posteriors (Mossman and "
                "Berger 2001)."
            ),
            _(
                "Limits. Intervals say nothing about posts that look unlike the posts measured "
                "here. A label judges a text, not a person. A person decides."
            ),
        ],
        [Table(_("Terms"), (_("term"), _("meaning")), terms)],
    )
