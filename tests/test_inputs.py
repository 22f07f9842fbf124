"""Posts in any iterable of str; for all else one line that shows the call to make."""

from __future__ import annotations

import math
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from riskclf.errors import NotText
from riskclf.inputs import checked_post, checked_posts

POSTS = ["今日は雨", "Rain all day", ""]
FRAME = pd.DataFrame({"id": [1, 2, 3], "text": POSTS})


@pytest.mark.parametrize(
    "posts",
    [
        tuple(POSTS),
        iter(POSTS),
        dict.fromkeys(POSTS).keys(),
        FRAME["text"],
        FRAME["text"].astype("string"),
        FRAME["text"].astype("category"),
        FRAME.set_index("text").index,
        FRAME["text"].to_numpy(),
        np.array(POSTS),
        pa.table(FRAME)["text"],
        pa.array(POSTS),
        datasets.Dataset.from_pandas(FRAME)["text"],
        datasets.Dataset.from_pandas(FRAME)[:]["text"],
    ],
    ids=lambda x: type(x).__name__,
)
def test_any_column_of_posts_is_taken_as_plain_str(posts: Any) -> None:
    found = [*checked_posts(posts)]
    assert found == POSTS
    assert {*map(type, found)} == {str}


@pytest.mark.parametrize(
    ("table", "call"),
    [
        (FRAME, 'predict_many(df["text"])'),
        (FRAME.rename(columns={"text": "今日は雨"}), 'predict_many(df["text"])'),
        (pa.table(FRAME), 'predict_many(posts["text"])'),
        (datasets.Dataset.from_pandas(FRAME), 'predict_many(posts["text"])'),
        (datasets.Dataset.from_pandas(FRAME).to_iterable_dataset(), 'predict_many(posts["text"])'),
        ({"text": POSTS}, 'predict_many(posts["text"])'),
        (
            datasets.DatasetDict({"test": datasets.Dataset.from_pandas(FRAME)}),
            'predict_many(posts["test"]["text"])',
        ),
        (np.array([POSTS]), "predict_many(posts[:, 0])"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_a_whole_table_is_refused_with_the_call_to_make(table: Any, call: str) -> None:
    with pytest.raises(NotText) as many:
        checked_posts(table)  # at once, before anything is read
    assert call in str(many.value)
    with pytest.raises(NotText) as one:
        checked_post(table)
    if not isinstance(table, np.ndarray):
        assert call in str(one.value)
    for message in (str(many.value), str(one.value)):
        assert "\n" not in message
        assert "雨" not in message  # without a header, a post is the name of a column


@pytest.mark.parametrize("posts", [None, 7, b"abc", np.array("a")], ids=repr)
def test_what_holds_no_posts_is_refused(posts: Any) -> None:
    with pytest.raises(NotText, match="give a list of str"):
        checked_posts(posts)


@pytest.mark.parametrize(
    ("post", "fix"),
    [
        (None, "dropna"),
        (math.nan, "dropna"),
        (pd.NA, "dropna"),
        (pd.NaT, "dropna"),
        (b"abc", "decode"),
        ({"text": "雨"}, 'row["text"]'),
        (["雨"], "give the posts as str"),
        (7, "give the posts as str"),
    ],
)
def test_one_bad_post_is_named_by_its_number_with_what_to_do(post: Any, fix: str) -> None:
    posts = checked_posts(["雨", post], "stream")
    assert next(posts) == "雨"
    with pytest.raises(NotText, match="post number 2 ") as caught:
        next(posts)
    assert fix in str(caught.value)
    assert "雨" not in str(caught.value)
