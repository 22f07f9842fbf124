"""Harmless posts for the tests of suggestions, and what reads and writes them."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from riskclf.suggestion import Suggestions

NEUTRAL = """
図書館 電車 天気 動物園 試合 文化祭 自転車 コーヒー パン屋 カレー サッカー リモコン 公園 新聞
海 山 川 雨 雪 花 駅 橋 傘 本 猫 犬 鳥 机 椅子 時計 窓 庭 朝 夜 春 夏 秋 冬 りんご みかん お茶
スープ 写真 絵 音楽 映画 bread library train window garden morning 도서관 고양이 버스 天空 晚饭
"""
WORDS = NEUTRAL.split()


def made_up(count: int, seed: int = 0) -> list[str]:
    """Posts that are no near-duplicates of each other."""
    draw = random.Random(seed)
    return [" ".join(draw.sample(WORDS, 6)) for _ in range(count)]


def rows(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [{"id": str(number), "text": text} for number, text in enumerate(texts)]


def chosen(result: Suggestions) -> list[str]:
    return [row["text"] for row in result.rows]


def at_random(result: Suggestions) -> list[str]:
    return [x["text"] for x in result.rows if x["suggested_because"] == "drawn at random"]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def listing(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def write_csv(path: Path, texts: Iterable[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(texts))
    return path


def with_others(phrase: str, count: int, seed: int = 9) -> list[str]:
    """Different posts that hold a phrase."""
    return [f"{text}。{phrase}。" for text in made_up(count, seed=seed)]


def quiet(stage: str, done: int, total: int | None) -> None:
    """Progress that is not shown."""
