"""Drafts of warnings: what the samples may say, which draft a case gets, and wrong files."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from riskclf.casework import sides
from riskclf.casework.drafts import PLACES, Draft, Templates, sample
from riskclf.casework.schema import Case
from riskclf.casework.states import Decision
from riskclf.errors import FormatError, InputError, RiskclfError
from riskclf.language import speaking

MINOR, ADULT = "minor_solicitation", "adult_solicitation"
KEYS = [
    f"{text}.{language}"
    for text in ("minor.any", "adult.any", "adult.lodging", "neutral.any")
    for language in ("ja", "en")
]
VALUES = {
    "agency": "〇〇県警察", "verify": "県警のサイト", "juvenile_line": "00-0000-0000",
    "childrens_line": "00-0000-0000", "child_guidance": "000", "adult_line": "00-0000-0000",
    "hours": "平日9～17時", "emergency": "000", "duty_officer": "当直",
}  # fmt: skip
EASY = set("人会消話少年相談子電児童所急時大知書確認")
"""Kanji of the samples for children: each is taught by the sixth grade of primary school."""


def filled(sample_too: bool = False) -> str:
    """The samples as an agency would fill them in."""
    text = sample() if sample_too else sample().replace("sample = true", "sample = false")
    for name, value in VALUES.items():
        text = re.sub(rf'^{name} = ""', f'{name} = "{value}"', text, flags=re.MULTILINE)
    return text


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    place = tmp_path / "drafts.toml"
    place.write_text(filled(), encoding="utf-8")
    return Templates.read(place)


def raw(key: str) -> str:
    side, matter, language = key.split(".")
    found: str = tomllib.loads(sample())[side][matter][language]
    return found


def case_with(
    *matters: str,
    side: str = MINOR,
    score: float = 0.999,
    alarm: str = "flag",
    decision: Decision | None = None,
    support: bool = False,
    model: str | None = None,
    asks: str = "",
) -> Case:
    """A case as the store would give it."""
    other = ADULT if side == MINOR else MINOR
    suggested: dict[str, Any] = {
        "label": side, "scores": {side: score, other: 1 - score, "benign": 0.0}, "risk": 1.0,
        "decision": alarm, "truncated": False, "side": side, "reason_codes": [],
        "aspects": [
            {"question": "matter", "answers": list(matters), "probabilities": {}},
            {"question": "side", "answers": [asks], "probabilities": {}},
        ],
    }  # fmt: skip
    return Case(
        suggested=suggested,
        decision=decision,
        support=support,
        model=model or sides.measured()["model"],
    )


# What the samples say ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_a_sample_fits_into_one_short_message(key: str) -> None:
    text = raw(key).format(**VALUES)
    width = sum(2 if unicodedata.east_asian_width(x) in "WFA" else 1 for x in text)
    assert width <= 280, f"{width}: 140 characters of Japanese, or 280 Latin letters"


@pytest.mark.parametrize("key", KEYS)
def test_no_sample_asks_quotes_links_traces_or_promises(key: str) -> None:
    text = raw(key).lower()
    for wrong in (
        "?", "？", "「", "“", '"', "http", "://", "bit.ly", "逮捕", "arrest", "違反者", "犯人",
        "offender", "犯罪者", "特定", "追跡", "trace", "ipアドレス", "秘密", "secret", "恥",
        "shame", "最低", "学校に", "school", "親に", "保護者", "parent", "歳ですね", "あなたは",
        "you are a", "you're a",
    ):  # fmt: skip
        assert wrong not in text


@pytest.mark.parametrize(
    "key", ["minor.any.ja", "minor.any.en", "neutral.any.ja", "neutral.any.en"]
)
def test_a_text_that_a_child_may_get_states_neither_age_nor_offence(key: str) -> None:
    text = raw(key).lower()
    assert not re.search(
        r"\d|歳|才|未成年|高校|中学|犯罪|違法|crime|illegal|offence|underage", text
    )
    if key.endswith("ja"):
        kanji = {x for x in text if "一" <= x <= "鿿"}
        assert kanji <= EASY


@pytest.mark.parametrize(
    "key, said",
    [
        ("minor.any.ja", ("ばつではありません", "きけん", "消して", "話して")),
        ("minor.any.en", ("no punishment", "dangerous", "delete this and talk to us")),
        (
            "adult.any.ja",
            ("18歳未満", "同意があっても", "犯罪になることがあります", "削除", "相談"),
        ),
        ("adult.any.en", ("under 18", "may be a crime", "Consent is no defence", "delete", "Help")),
        ("adult.lodging.ja", ("18歳未満", "泊める", "同意があっても", "削除", "相談")),
        ("adult.lodging.en", ("lodge", "under 18", "may be a crime", "Consent", "delete", "Help")),
    ],
)
def test_a_sample_says_what_it_must(key: str, said: tuple[str, ...]) -> None:
    text = raw(key)
    assert [x for x in said if x not in text] == []
    lines = ("juvenile_line", "childrens_line", "child_guidance", "hours", "emergency")
    places = lines if key.startswith("minor") else ("adult_line", "hours")
    for name in ("agency", "verify", *places):
        assert f"{{{name}}}" in text


def test_a_sample_is_marked_and_cannot_be_copied_before_it_is_filled_and_approved() -> None:
    draft = Templates.read().draft("minor", "any", "ja")
    assert draft.text.startswith("【見本】")
    assert not draft.complete
    assert draft.missing[0] == "sample"
    assert "agency.ja.juvenile_line" in draft.missing
    assert Templates.read().draft("adult", "any", "en").text.startswith("[SAMPLE]")


def test_a_filled_sample_that_nobody_approved_cannot_be_copied(tmp_path: Path) -> None:
    place = tmp_path / "drafts.toml"
    place.write_text(filled(sample_too=True), encoding="utf-8")
    draft = Templates.read(place).draft("adult", "lodging", "ja")
    assert (draft.complete, draft.missing) == (False, ("sample",))


def test_one_empty_value_is_enough_to_keep_a_text_from_being_copied(tmp_path: Path) -> None:
    place = tmp_path / "drafts.toml"
    place.write_text(filled().replace('hours = "平日9～17時"', 'hours = " "'), encoding="utf-8")
    draft = Templates.read(place).draft("minor", "any", "ja")
    assert (draft.complete, draft.missing) == (False, ("agency.ja.hours",))
    assert "{hours}" in draft.text


def test_a_filled_text_is_complete_and_holds_the_agencys_values(templates: Templates) -> None:
    draft = templates.draft("minor", "any", "ja")
    assert (draft.complete, draft.missing) == (True, ())
    assert draft.text.startswith("〇〇県警察です")
    assert not set("{}") & set(draft.text)


def test_the_version_stands_for_the_text_and_not_for_the_values(templates: Templates) -> None:
    shipped = Templates.read()
    for side, matter in (("minor", "any"), ("adult", "any")):
        one, other = (x.draft(side, matter, "ja") for x in (shipped, templates))
        assert one.version == other.version
    assert (
        templates.draft("minor", "any", "ja").version
        != templates.draft("adult", "any", "ja").version
    )


def test_the_support_contacts_are_there_in_both_languages(templates: Templates) -> None:
    assert VALUES["duty_officer"] in templates.support["ja"].text
    assert templates.support["ja"].complete
    assert not Templates.read().support["en"].complete


# Which draft a case gets -------------------------------------------------------------------------


def offered(drafts: tuple[Draft, ...]) -> list[tuple[str, str]]:
    return [(x.side, x.matter) for x in drafts]


def test_before_a_decision_the_drafts_of_both_sides_are_offered_and_none_is_preselected(
    templates: Templates,
) -> None:
    for side in (MINOR, ADULT):
        offer = templates.offer(case_with("company", side=side), "ja")
        assert offered(offer.drafts) == [("neutral", "any"), ("minor", "any"), ("adult", "any")]
        assert offer.preselected is None
        assert offer.reason is None


@pytest.mark.parametrize("side, decision", [(MINOR, Decision.MINOR), (ADULT, Decision.ADULT)])
def test_a_draft_is_preselected_where_officer_and_model_are_sure_of_the_side(
    templates: Templates, side: str, decision: Decision
) -> None:
    offer = templates.offer(case_with("company", side=side, decision=decision), "en")
    assert offer.preselected == offer.drafts[0]
    assert offered(offer.drafts) == [(side.partition("_")[0], "any"), ("neutral", "any")]


@pytest.mark.parametrize(
    "how",
    [
        {"alarm": "review"},
        {"score": 0.6},
        {"side": MINOR},  # the officer decides otherwise
        {"model": "f" * 64},  # its sides were never measured
    ],
)
def test_the_adults_text_is_not_preselected_where_anything_is_unsure(
    templates: Templates, how: dict[str, Any]
) -> None:
    case = case_with("company", **{"side": ADULT, "decision": Decision.ADULT, **how})
    offer = templates.offer(case, "ja")
    assert offer.preselected is None
    assert offered(offer.drafts) == [("adult", "any"), ("neutral", "any")]


def test_an_unclear_post_gets_the_neutral_text_first_and_none_is_preselected(
    templates: Templates,
) -> None:
    offer = templates.offer(case_with("company", side=ADULT, decision=Decision.UNCLEAR), "ja")
    assert offer.drafts[0].side == "neutral"
    assert offer.preselected is None


def test_a_host_is_warned_of_their_own_crime(templates: Templates) -> None:
    case = case_with("money_or_goods", "lodging", side=ADULT, decision=Decision.ADULT)
    assert offered(templates.offer(case, "ja").drafts)[0] == ("adult", "lodging")


@pytest.mark.parametrize(
    "how",
    [
        {"side": MINOR},
        {"side": ADULT, "decision": Decision.MINOR},
        {"side": ADULT, "asks": "child"},
        {"side": MINOR, "decision": Decision.UNCLEAR},
    ],
)
def test_a_child_who_may_need_lodging_tonight_gets_no_draft(
    templates: Templates, how: dict[str, Any]
) -> None:
    offer = templates.offer(case_with("lodging", **how), "ja")
    assert (offer.drafts, offer.preselected) == ((), None)
    assert offer.reason is not None and "lodging" in offer.reason
    with speaking("ja"):
        assert "今夜" in offer.reason.translated()


@pytest.mark.parametrize(
    "how",
    [
        {"support": True},
        {"decision": Decision.NEEDS_SUPPORT},
        {"decision": Decision.GUIDANCE},
        {"decision": Decision.BENIGN},
        {"decision": Decision.CANNOT_TELL},
        {"decision": Decision.DIFFER},
        {"support": True, "decision": Decision.ADULT, "side": ADULT},
    ],
)
def test_no_draft_for_support_or_where_no_warning_is_due(
    templates: Templates, how: dict[str, Any]
) -> None:
    offer = templates.offer(case_with("company", **how), "ja")
    assert offer.drafts == ()
    assert offer.reason is not None
    with speaking("ja"):
        assert offer.reason.translated() != offer.reason


def test_a_case_opened_by_a_model_without_aspects_gets_the_general_texts(
    templates: Templates,
) -> None:
    case = case_with(decision=Decision.ADULT, side=ADULT)
    del case.suggested["aspects"]
    assert offered(templates.offer(case, "ja").drafts)[0] == ("adult", "any")


def test_the_sides_were_measured_for_the_packaged_model() -> None:
    from riskclf import RiskClassifier

    measured = sides.measured()
    assert measured["model"] == RiskClassifier.load(device="cpu").fingerprint, (
        "run python -m training.cards.sides"
    )
    page = (Path(__file__).parents[2] / "docs" / "casework.md").read_text(encoding="utf-8")
    page = " ".join(page.split())
    minor, adult = (measured["sides"][side] for side in (MINOR, ADULT))
    for figures in (minor, adult):
        assert figures["high"] < sides.HIGHEST_ERROR
    for said in (
        f"{minor['score']:g} or more for the minor's side, {adult['score']:g} or more for the",
        f"wrong in {minor['wrong']} of {minor['of']} and {adult['wrong']} of {adult['of']} posts",
        f"end at {100 * minor['high']:.1f} % and {100 * adult['high']:.1f} %",
        f"leaves open: {minor['open']} and {adult['open']}.",
    ):
        assert said in page


# Wrong files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "old, new, what",
    [
        ("[adult.lodging]", "[adult.images]", r"key adult\.lodging: it is missing"),
        ("[neutral.any]", "[neutral.company]", r"key neutral\.any: it is missing"),
        ("[minor.any]", "[child.any]", r"key child: it is not known"),
        ("{agency}です", "{reference}です", r"the place \{reference\}"),
        ("{agency}です", "{agencyです", r"key (minor|adult|neutral)\.any\.ja: a brace"),
        ("hours = \"\"", "opening = \"\"", r"key agency\.ja\.opening: it is not known"),
        ("hours = \"\"", "hours = 9", r"key agency\.ja\.hours: it must be a text"),
        ("[agency.en]", "[agency.ko]", r"\.ko: it is missing: write the text"),
        ("sample = true", "sample = 1", r"key sample: it must be true or false"),
        ("sample = true", "sample = ", r"cannot be read as TOML"),
        ("[support]", "[help]", r"key help: it is not known"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_with_its_name_and_key(
    tmp_path: Path, old: str, new: str, what: str
) -> None:
    place = tmp_path / "ours.toml"
    place.write_text(sample().replace(old, new), encoding="utf-8")
    with pytest.raises(FormatError, match=what) as error:
        Templates.read(place)
    assert str(place) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_side_or_language_is_told(tmp_path: Path, templates: Templates) -> None:
    place = tmp_path / "ours.toml"
    place.write_text(re.sub(r"\[neutral.any\].*?(?=\n#)", "", sample(), flags=re.DOTALL), "utf-8")
    with pytest.raises(FormatError, match="neutral"):
        Templates.read(place)
    with pytest.raises(InputError, match="no texts in 'ko'"):
        templates.offer(case_with("company"), "ko")
    with pytest.raises(RiskclfError, match="cannot be read"):
        Templates.read(tmp_path / "none.toml")


def test_every_place_is_explained_in_the_samples() -> None:
    agency = tomllib.loads(sample())["agency"]
    assert tuple(agency["ja"]) == tuple(agency["en"])
    assert set(agency["ja"]) == set(PLACES)
