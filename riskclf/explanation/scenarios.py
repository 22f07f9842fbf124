"""The scenarios of the packaged model's known posts, in words.

Our posts come in families, of which the neighbours expert holds the names
(`training/posts/families.toml` says what each is about). Several families are one scenario here.
What a user has added is of no family and is never named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from riskclf.labels import Scenario
from riskclf.language import gettext as _
from riskclf.language import marked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from riskclf.artifact import Artifact

__all__ = ["SCENARIO_OF", "nearest", "scenario_words"]

_SHOWN = 2

_FAMILIES: Mapping[str, str] = {
    # Asked for or offered; each of these families has harmless posts too.
    marked("lodging for a night, asked for or offered"): (
        "boy_lodging library_corner locked_out lodging_one_night lodging_runaway manga_cafe "
        "new_year_stay night_rain plain_b_boy_runaway plain_b_hashtags plain_b_host_room "
        "plain_b_kamimachi_word plain_b_last_train plain_b_quarrel_home plain_b_runaway_word "
        "plain_b_winter_cold plain_e_spare_room_host plain_ko_boys_lodging plain_ko_one_night "
        "plain_ko_room_offer plain_ko_runaway_tags plain_zh_runaway station_wait typhoon_stay "
        "wallet_lost winter_lodging"
    ),
    marked("lodging for days or longer, asked for or offered"): (
        "host_or_guest lodging_days move_in_offer plain_b_several_days room_key stay_long "
        "weekend_stay"
    ),
    marked("a lift or a fare, asked for or offered"): (
        "car_ride last_bus plain_b_between_cities plain_b_lift plain_e_lift_away plain_ko_fare"
    ),
    marked("a private person invites those who have left home"): "plain_b_private_caller",
    marked("out late or after a quarrel at home"): "family_fight late_night plain_zh_night_station",
    marked("a patron or regular support, asked for or offered"): (
        "allowance_words birthday_sponsor dm_opener lgbt_seek mamakatsu_boy boys_dk p_shorthand "
        "patron_plain plain_a_big_station plain_a_boys plain_a_patron_blunt plain_a_patron_polite "
        "plain_a_weekend_only plain_c_enjo plain_c_pkatsu plain_c_sapo plain_e_patron_school_year "
        "plain_ko_allowance plain_zh_kept plain_zh_patron study_cafe tuition_patron "
        "two_friends_patron weekly_contract"
    ),
    marked("money, asked for or offered directly"): (
        "ask_price plain_ko_holidays plain_zh_holiday_money summer_days want_money_direct"
    ),
    marked("bills, debts or lost income, paid for by a stranger"): (
        "allowance_cut club_activity_fee debt_need family_need hospital_bill part_time_fired "
        "plain_a_phone_bill plain_a_trip_money plain_ko_out_of_school plain_ko_phone_bill"
    ),
    marked("a meal together for money"): (
        "company_meal dinner_set group_dinner plain_a_paid_meal plain_a_paid_tea "
        "plain_e_paid_meal plain_ko_meal plain_zh_paid_meal ramen_run sweets_buffet"
    ),
    marked("an outing together for money"): (
        "aquarium_paid baseball_date beach_day fireworks foreigner_seek game_center hug_money "
        "karaoke_company movie_paid plain_c_rental_date plain_e_boy_day_out plain_ko_karaoke "
        "plain_ko_rental_date plain_zh_boys plain_zh_rental_date theme_park uniform_meet "
        "valentine_choco walk_shopping xmas_alone"
    ),
    marked("calls, chat or follows for money"): "chat_only paid_talk sns_follow_pay voice_night",
    marked("gift cards or game credit for a meeting"): (
        "boy_gamer game_account game_credit gift_card plain_a_gift_card plain_c_game_gift "
        "plain_e_game_credit_meet plain_e_gift_card_meet plain_ko_game_credit plain_ko_gift_card "
        "plain_zh_game plain_zh_gift_card"
    ),
    marked("things or tickets for a meeting"): (
        "brand_gift cosplay_meet earphone_trade en_goods goods_more live_house "
        "plain_a_concert_money plain_c_things_bought plain_ko_concert_money plain_zh_fan_event "
        "plain_zh_phone wishlist"
    ),
    marked("photos, asked for, sold or swapped"): (
        "model_shoot photo_plain photo_request photo_swap photo_trade plain_c_photo_money "
        "plain_c_selfie_asked plain_e_selfie_for_card plain_ko_photo plain_zh_photo_word "
        "sell_album"
    ),
    marked("paid company offered as a job"): (
        "client_dinners fake_job idol_dream job_offer_minor online_side_job plain_c_work_company "
        "plain_e_recruit_company plain_ko_recruit scout_station shop_invites shop_uniform_job"
    ),
    marked("others introduced or brought along"): "intro_chain introduce_fee introducing",
    marked("a threat"): (
        "plain_c_threat plain_e_photo_threat plain_ko_threat plain_zh_threat threat_account "
        "threat_extra threat_leak threat_money2 threat_photo"
    ),
    marked("love between an adult and a pupil, or between pupils"): (
        "plain_b_net_love plain_ko_love plain_zh_pupil_love"
    ),
    marked("a second account that invites contact"): (
        "plain_b_ura_account plain_b_ura_boy plain_c_second_account plain_e_second_account "
        "plain_ko_second_account plain_zh_second_account"
    ),
    marked("the age is told by school life or by an age limit"): (
        "abroad_teen cant_ride cant_vote club_quit cram_school curfew_indirect exams_indirect "
        "grade_en grade_indirect homeroom not18yet plain_a_year_emoji plain_c_age_written "
        "report_card school_trip swim_class"
    ),
    marked("it is unclear who asks and who pays, or how old they are"): (
        "cues_disagree elliptic_sides minor_seeker neither_named plain_c_reply self_or_other "
        "student_vague"
    ),
    marked("an ask without the usual words"): (
        "no_trigger no_words_1 no_words_2 no_words_3 no_words_4 no_words_5 pet_excuse"
    ),
    marked("hashtags or emoji and little else"): (
        "emoji_style hashtag_en hashtag_terse plain_a_hashtags_only plain_c_hashtags "
        "plain_e_patron_hashtags plain_zh_hashtags"
    ),
    marked("an ask or an offer in a few plain words"): (
        "en_plain_1 en_plain_2 short_ja terse_register"
    ),
    marked("an ask or an offer in dialect or unusual spelling"): (
        "dialect_more hakata_dialect kansai_dialect plain_a_dialect_abbrev plain_a_halfwidth_kana "
        "plain_zh_traditional split_chars tohoku_dialect typo_register"
    ),
    marked("an ask or an offer worded politely or like an advertisement"): (
        "headline_style_en headline_style_ja polite_more polite_register"
    ),
    # Children who seek help.
    marked("a child tells of trouble at home or at school"): "child_help_bullying child_help_home",
    marked("a child reports a threat or pressure"): (
        "child_reports_threat help_photos help_threat_known help_threat_online"
    ),
    marked("a child is with a stranger, or somebody waits for them"): (
        "help_at_strangers help_somebody_waits"
    ),
    marked("a child says that they want to die or disappear"): "help_wish_to_die",
    # Harmless.
    marked("news, statistics and research"): (
        "help_look_news news_arrest news_statistics research_education"
    ),
    marked("law and politics"): "help_look_statute politics statute",
    marked("warnings and advice"): "counsellor_advice school_notice",
    marked("help offered to young people"): (
        "help_look_helpline help_look_school_offer night_outreach"
    ),
    marked("a parent who worries or reports"): "help_look_parent parent_worry",
    marked("somebody looks back, or thanks for help"): (
        "help_look_past_adult help_look_thanks past_victim"
    ),
    marked("anger about others' posts, quotes of them"): "outrage quote_bare",
    marked("rules of a platform"): "platform_policy",
    marked("stories, films, lyrics and jokes"): (
        "fiction_review fiction_writing help_look_book help_look_film help_look_joke "
        "help_look_lyrics"
    ),
    marked("games"): "game_chat help_look_games",
    marked("the same words with another meaning"): (
        "idioms jk_name kami_fandom p_producer papa_father sapo_support"
    ),
    marked("concerts, fans and goods swapped among them"): "goods_trade music_idols ticket_trade",
    marked("everyday life at school"): (
        "clubs_coaches exams_curfew help_look_exam teachers_day teen_life uniform_school"
    ),
    marked("pupils among themselves"): "peers_friends peers_love",
    marked("families and their children"): "childcare family_minors",
    marked("students and people of 18 or 19"): "campus eighteen_nineteen",
    marked("everyday photos"): "help_look_photo_daily photo_ordinary",
    marked("everyday money, gifts and shopping"): (
        "gift_card_ordinary money_ordinary scholarship_money shopping_flea"
    ),
    marked("travel, homestays and staying with friends"): (
        "help_look_lodging_daily host_family stay_ordinary travel_lodging"
    ),
    marked("ordinary jobs and lessons"): "parttime_shop_ad parttime_talk side_jobs_ads tutor",
    marked("adults among themselves"): (
        "adult_compensated adult_dating adult_nightlife_job help_look_work_adult"
    ),
    marked("LGBT people in ordinary life"): "lgbt_community lgbt_life",
    marked("members and companions for ordinary activities"): "recruiting_plain rides_meetups",
    marked("other everyday matters"): (
        "commute food health help_look_hunger help_look_pets help_look_sports help_look_wait_daily "
        "pets sports tech_security"
    ),
}

SCENARIO_OF: Mapping[str, str] = {
    family: title for title, families in _FAMILIES.items() for family in families.split()
}
"""The scenario of each family, in English."""


def nearest(loaded: Artifact, sentence: NDArray[np.float32]) -> tuple[Scenario, ...]:
    """The scenarios that a post is nearest to, see `RiskClassifier.nearest`.

    Args:
        loaded: the model.
        sentence: vector of the window that decided, shape (hidden,).
    """
    neighbours = loaded.experts.neighbours
    if neighbours is None:
        return ()
    labels = loaded.manifest.labels
    return tuple(
        Scenario(name, labels[label], similarity)
        for name, label, similarity in neighbours.nearest(sentence, SCENARIO_OF, _SHOWN)
    )


def scenario_words(name: str) -> str:
    """The name of a scenario in the current language; one that is not known as it is."""
    return _(name)
