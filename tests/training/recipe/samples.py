"""Harmless sentences of every language, and the mean vectors of a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from transformers import BertModel

SENTENCES = [
    "今日はとても疲れたので早く寝ます。",
    "明日の試合、チケット余ってる人いませんか?",
    "新しい図書館は駅から歩いて五分のところにあります。",
    "カラオケ行きたい〜!",
    "I lost my umbrella on the train this morning.",
    "Does anyone know a good bakery near the station?",
    "The match was cancelled because of heavy rain.",
    "오늘 날씨가 정말 좋네요. 산책하러 갈까요?",
    "이 영화는 처음부터 끝까지 재미있었다.",
    "도서관은 아침 아홉 시에 문을 엽니다.",
    "我们明天一起去图书馆学习吧。",
    "这家饭店的面条很好吃。",
    "今年冬天比去年冷得多。",
]

CHATTY = [
    "えっまじで?草wwww😂😂😭✨(´;ω;`)",
    "今日ﾏｼﾞ寒い🥶🥶 こたつから出れん( ；∀；)",
    "ライブ最高だった〜〜!!!🎤💖🫶 #推し活",
    "あ゛〜つかれた…ｽﾞｰﾝ ｷﾀ━━━(ﾟ∀ﾟ)━━━!!",
    "ヾ(≧▽≦*)o ٩( 'ω' )و (๑>◡<๑)",
    "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヴヵヶ",
    "👍🏽🇯🇵👨‍👩‍👧‍👦 ㈱ ①② ㌔ ￥５００",
    "omg i cant even 😭😭😭 lol",
    "ㅋㅋㅋㅋㅋ 진짜 웃겨 ㅠㅠ",
    "哈哈哈哈 太好笑了🤣🤣",
]


def mean_vectors(model: BertModel, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        means = [model(torch.tensor([row])).last_hidden_state[0].mean(dim=0) for row in ids]
    vectors: npt.NDArray[np.float32] = torch.nn.functional.normalize(torch.stack(means)).numpy()
    return vectors
