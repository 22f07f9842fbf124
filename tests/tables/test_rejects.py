"""Rejected rows are listed in a file, or kept to be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskclf.errors import InputError
from riskclf.language import Sentence
from riskclf.tables import Reject, RejectsFile, nothing_usable, write_rejects

REJECTS = [
    Reject(3, "text", Sentence("it is missing")),
    Reject(7, None, Sentence('a "quote" is not closed')),
]
LISTED = 'row,column,reason\n3,text,it is missing\n7,,"a ""quote"" is not closed"\n'


def test_rejects_are_listed_as_csv_once_they_are_committed(tmp_path: Path) -> None:
    place = tmp_path / "r.csv"
    with RejectsFile(place) as file:
        for reject in REJECTS:
            file.add(reject)
        assert not place.exists()
        file.commit()
    assert place.read_text(encoding="utf-8") == LISTED
    assert (file.count, file.first) == (2, REJECTS)
    assert list(tmp_path.iterdir()) == [place]


def test_with_none_to_list_the_older_list_goes(tmp_path: Path) -> None:
    place = tmp_path / "r.csv"
    write_rejects(place, REJECTS)
    assert place.read_text(encoding="utf-8") == LISTED
    write_rejects(place, [])
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_its_place_is_removed_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    place, other = tmp_path / "r.csv", tmp_path / "other.csv"
    other.write_text("mine\n")
    for rejects, left in ((REJECTS, ["other.csv", "r.csv"]), ([], ["other.csv"])):
        place.unlink(missing_ok=True)
        place.symlink_to(other)
        write_rejects(place, rejects)
        assert sorted(path.name for path in tmp_path.iterdir()) == left
        assert not place.is_symlink()
        assert other.read_text() == "mine\n"


def test_without_a_place_the_first_are_kept_and_all_are_counted() -> None:
    with RejectsFile(None) as file:
        for number in range(100):
            file.add(Reject(number, None, Sentence("it is not UTF-8")))
        file.commit()
    assert file.count == 100
    assert [reject.number for reject in file.first] == list(range(20))


def test_a_place_that_cannot_be_written_is_found_before_the_first_reject(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        RejectsFile(tmp_path / "no" / "r.csv")


def test_a_table_without_a_usable_row_is_refused_with_the_first_reason() -> None:
    assert nothing_usable("t.csv", REJECTS, "evaluate") == (
        "t.csv: none of the 2 rows can be used; row 3, column text: it is missing"
    )
    assert (
        nothing_usable("t.csv", [], "evaluate") == "t.csv has no rows; there is nothing to evaluate"
    )
