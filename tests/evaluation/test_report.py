"""The report: one file that needs nothing, readable by eye and by machine, without posts."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import font_manager
from PIL import Image

from riskclf import Evaluation
from riskclf.errors import InputError
from riskclf.evaluation.plots import PLOTS, draw
from riskclf.evaluation.sections import sections_of, summary
from tests.evaluation.helpers import measure, rows_of

CHROMIUM = next(
    (x for x in ("chromium", "chromium-browser", "google-chrome", "chrome") if shutil.which(x)),
    None,
)


@pytest.fixture(scope="module")
def result() -> Evaluation:
    rows = rows_of(240)
    for number, row in enumerate(rows):
        row |= {"slice": ("学校の話", "<script>x</script>", "a|b $x_")[number % 3]}
        row |= {"language": "ja", "family": f"f{number % 60}"}
    rows[7]["label"] = "unclear"
    rows[8]["label"] = None
    keywords = ["keywords=" + str(Path(__file__))]
    return measure(
        rows,
        prevalence=0.001,
        volume="5000/hour",
        capacity="20/hour",
        min_recall=0.9,
        against=keywords,
    )


@pytest.fixture(scope="module")
def report(result: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report") / "new"
    result.save(place)
    return place


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in order."""

    VOID = ("meta", "img", "source")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_all_files_are_there_and_nothing_else(report: Path) -> None:
    assert {file.name for file in report.iterdir()} == {
        "report.html",
        "report.md",
        "report.json",
        "rejects.csv",
        "differences-1.csv",
        *(f"{name}.png" for name in PLOTS),
    }


def test_the_json_is_the_figures_and_is_plain_json(result: Evaluation, report: Path) -> None:
    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    text = (report / "report.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse) == result.figures.to_dict()


def test_the_page_needs_no_network_and_no_script(report: Path) -> None:
    html = (report / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    sources = [x.get("src") or x.get("srcset") or "" for x in page.all("img") + page.all("source")]
    assert len(sources) == 2 * len(PLOTS)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in re.sub(r"data:[^\"]*", "", html)
    assert "url(" not in html


def test_the_page_is_accessible_and_made_for_light_dark_and_paper(report: Path) -> None:
    html = (report / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("caption")) == len(page.all("table")) > 8
    assert all(x["scope"] in ("col", "row") for x in page.all("th"))
    assert all(x["alt"] for x in page.all("img"))
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_brackets_are_explained_and_a_plot_is_shown_before_the_first_table(
    report: Path,
) -> None:
    html = (report / "report.html").read_text(encoding="utf-8")
    brackets = html.index("Brackets hold the 95 % confidence interval")
    assert brackets < html.index("<h2>") < html.index("<img") < html.index("<table")
    markdown = (report / "report.md").read_text(encoding="utf-8")
    assert markdown.index("Brackets hold") < markdown.index("## ")
    assert markdown.index("](thousand.png)") < markdown.index("\n|")


def test_without_a_prevalence_the_first_plot_is_another(tmp_path: Path) -> None:
    measure(rows_of(60)).save(tmp_path)
    assert not (tmp_path / "thousand.png").exists()
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert markdown.count("precision_recall.png") == 1
    assert markdown.index("precision_recall.png") < markdown.index("\n|")


def test_page_and_markdown_say_the_same_and_names_are_only_names(
    result: Evaluation, report: Path
) -> None:
    page = Page((report / "report.html").read_text(encoding="utf-8"))
    markdown = (report / "report.md").read_text(encoding="utf-8")
    assert "<script>x</script>" in page.text
    assert "<script" not in markdown
    assert "a\\|b $x\\_" in markdown
    assert "学校の話" in page.text and "学校の話" in markdown
    for section in sections_of(result.figures):
        assert section.title in page.text
        for line in section.lines:
            assert line in page.text
            assert line.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|") in markdown
    widths = [line.count(" |") for line in markdown.splitlines() if line.startswith("| ")]
    assert len(widths) > 30


def test_markdown_tables_have_as_many_cells_in_each_row(report: Path) -> None:
    markdown = (report / "report.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
    assert len(tables) > 8
    for table in tables:
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) == 1
        assert re.fullmatch(r"\|( --- \|)+", table.splitlines()[1])


def test_the_summary_says_what_was_found_and_how_sure_it_is(result: Evaluation) -> None:
    found = result.figures.to_dict()["operating_points"]["flag_or_review"]["recall"]
    lines = summary(result.figures)
    assert f"{result.figures.to_dict()['counts']['rows']:,} labelled posts" in lines[0]
    (recall,) = (line for line in lines if line.startswith("Recall"))
    assert f"{found['hits']:,} of {found['of']:,}, at flag or review" in recall
    assert any("one risky post in 1,000" in line for line in lines)
    assert "95 % confidence interval" in lines[-1]


def test_where_it_fails_is_named_and_small_parts_are_not_judged() -> None:
    rows = rows_of(300)
    for number, row in enumerate(rows):
        row["slice"] = "good"
        if number < 60:
            row |= {"slice": "missed", "label": "minor_solicitation", "text": "0.1 0.1 0.8"}
        elif number < 63:
            row["slice"] = "tiny"
    (section,) = (x for x in sections_of(measure(rows).figures) if x.title == "Where it fails")
    assert section.lines[0].startswith("slice missed: recall 0 %")
    assert section.lines[1] == "Too few posts to judge: slice tiny."
    assert "at most 30 points wide" in section.lines[2]


def test_a_slice_of_a_few_posts_is_not_named_as_weak_even_if_all_are_missed() -> None:
    rows = rows_of(300)
    for row in rows[:3]:
        row |= {"slice": "few", "label": "minor_solicitation", "text": "0.1 0.1 0.8"}
    figures = measure(rows).figures
    few = figures.slices["few"].recall
    assert few is not None and few.high < (figures.operating_points["flag_or_review"].recall.low)
    (section,) = (x for x in sections_of(figures) if x.title == "Where it fails")
    assert not any("few: recall" in line for line in section.lines)
    assert "Too few posts to judge: slice few." in section.lines


def test_only_where_unclear_posts_are_said_to_be_included_do_they_count(
    result: Evaluation,
) -> None:
    counts, figures = result.figures.counts, result.figures
    assert counts.unclear
    assert figures.accuracy.of == counts.rows - counts.unclear
    workload = figures.operating_points["flag"].workload
    assert workload.of == counts.rows
    rows = [row for x in sections_of(figures) for table in x.tables for row in table.rows]
    (with_all,) = (row[0] for row in rows if f"of {counts.rows:,}" in row[1])
    assert "unclear posts included" in with_all
    lines = [line for x in sections_of(figures) for line in x.lines]
    assert sum("A figure leaves them out, unless" in line for line in lines) == 1


def test_no_text_of_a_post_gets_into_a_report_unless_it_is_asked_for(
    result: Evaluation, tmp_path: Path
) -> None:
    posts = [row["text"].encode() for row in rows_of(240)]
    result.save(tmp_path / "without")
    for file in (tmp_path / "without").iterdir():
        assert not any(post in file.read_bytes() for post in posts), file.name
    result.save(tmp_path / "with", include_text=True)
    holding = [
        file.name
        for file in (tmp_path / "with").iterdir()
        if any(post in file.read_bytes() for post in posts)
    ]
    assert holding == ["differences-1.csv"]


def test_a_second_report_takes_the_place_of_the_first_and_leaves_other_files(
    result: Evaluation, tmp_path: Path
) -> None:
    result.save(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "differences-mine.csv").write_text("mine")
    rows = rows_of(40, minor_solicitation=0.0, adult_solicitation=0.0, benign=1.0)
    measure(rows).save(tmp_path)
    left = {file.name for file in tmp_path.iterdir()}
    assert {"notes.txt", "differences-mine.csv"} <= left
    assert not {"differences-1.csv", "rejects.csv", "precision_recall.png", "slices.png"} & left
    assert not [name for name in left if name.endswith(".partial")]


def test_a_place_that_cannot_be_written_is_one_line(result: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made") as caught:
        result.save(tmp_path / "file")
    assert "\n" not in str(caught.value)
    (tmp_path / "taken" / "report.html").mkdir(parents=True)
    with pytest.raises(InputError, match=r"report\.html cannot be written"):
        result.save(tmp_path / "taken")


# In Japanese ------------------------------------------------------------------------------------

NAMES = {
    *("minor_solicitation", "adult_solicitation", "benign", "unclear", "flag", "review", "clear"),
    *("riskclf", "csv", "rejects", "differences", "words", "txt", "ROC", "F", "ECE", "Brier"),
    *("Wilson", "Korn", "and", "Graubard", "Mossman", "Berger", "Jeffreys", "McNemar", "TF", "IDF"),
    *("precision", "recall", "false", "positive", "rate", "macro", "accuracy", "p", "UTF", "id"),
    *("prevalence", "training", "jsonl", "ja", "few", "x", "a", "b"),
}
"""Words of Latin letters that a Japanese report may hold: names, and terms beside Japanese ones."""


@pytest.fixture(scope="module")
def japanese(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    place = tmp_path_factory.mktemp("japanese")
    keywords, training = place / "words.txt", place / "training.jsonl"
    keywords.write_text("0.1\n0.2", encoding="utf-8")
    training.write_text("".join(json.dumps(row) + "\n" for row in rows_of(60, seed=1)))
    rows = rows_of(240)
    for number, row in enumerate(rows):
        row |= {"slice": ("学校の話", "x", "a|b")[number % 3], "language": "ja"}
        row |= {"family": f"f{number % 60}"}
    for row in rows[:60]:
        row |= {"slice": "b", "label": "minor_solicitation", "text": "0.1 0.1 0.8"}
    rows[61]["slice"] = "few"
    rows[62]["slice"] = None
    rows[63]["label"] = "unclear"
    rows[64]["label"] = {"minor_solicitation": 0.5, "benign": 0.5}
    rows[65]["label"], rows[66]["text"], rows[67]["id"] = None, 3, rows[68]["id"]
    result = measure(
        rows,
        prevalence=0.001,
        volume="5000/hour",
        capacity="20/hour",
        min_precision=0.9999,
        min_recall=0.9,
        against=[f"keywords={keywords}", f"tfidf={training}"],
        lang="ja",
    )
    result.save(place / "report")
    return result, place / "report"


def test_the_japanese_report_has_no_english_sentence_left(
    japanese: tuple[Evaluation, Path],
) -> None:
    result, place = japanese
    html = (place / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.all("html") == [{"lang": "ja"}]
    words = [x["alt"] or "" for x in page.all("img")]
    words += [re.sub("<[^>]*>", " ", html.partition("</style>")[2]), *summary(result.figures)]
    words += [(place / "report.md").read_text(encoding="utf-8").replace(".png)", ")")]
    figures = json.loads((place / "report.json").read_text(encoding="utf-8"))
    assert figures["lang"] == "ja"
    words += figures["notes"] + list(figures["data"]["reasons"])
    words += [x[key] for x in figures["comparisons"] for key in ("name", "how")]
    words += [x["asked"] for x in figures["thresholds"]]
    plots = {*PLOTS, *(part for name in PLOTS for part in name.split("_"))}
    found = set(re.findall(r"(?<![0-9A-Za-z_])[A-Za-z][A-Za-z_]*", " ".join(words)))
    assert found - NAMES - plots == set()


def test_both_languages_have_the_same_sections_tables_and_figures(
    japanese: tuple[Evaluation, Path],
) -> None:
    figures = japanese[0].figures
    one, other = sections_of(figures), sections_of(replace(figures, lang="en"))
    assert len(one) == len(other) > 12
    for ja, en in zip(one[:-1], other[:-1], strict=True):  # the last one explains the terms
        assert ja.title != en.title
        assert (len(ja.lines), ja.plots.keys()) == (len(en.lines), en.plots.keys())
        for table, same in zip(ja.tables, en.tables, strict=True):
            assert [len(row) for row in table.rows] == [len(row) for row in same.rows]
            for cells, others in zip(table.rows, same.rows, strict=True):
                for cell, english in zip(cells[1:], others[1:], strict=True):
                    numbers, expected = (
                        Counter(re.findall(r"\d[\d,.]*", x.replace("1 時間あたり", "")))
                        for x in (cell, english)
                    )
                    assert numbers == expected


def test_japanese_plots_differ_and_have_their_glyphs(
    japanese: tuple[Evaluation, Path], recwarn: pytest.WarningsRecorder
) -> None:
    figures = japanese[0].figures
    ja, en = draw(figures), draw(replace(figures, lang="en"))
    assert set(ja) == set(PLOTS)
    assert all(ja[name] != en[name] for name in PLOTS)
    assert [x for x in recwarn if "missing from" in str(x.message)] == []


def test_a_language_that_is_not_there_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="'fr' is not available"):
        measure("nowhere.csv", lang="fr")


# Plots ------------------------------------------------------------------------------------------


def test_plots_are_the_same_every_time_and_differ_in_the_dark(result: Evaluation) -> None:
    one, again, dark = (draw(result.figures, dark=x) for x in (False, False, True))
    assert set(one) == set(PLOTS)
    assert one == again
    for name, image in one.items():
        light_corner, dark_corner = (
            np.asarray(Image.open(io.BytesIO(x)).convert("L"))[0, 0] for x in (image, dark[name])
        )
        assert light_corner == 255
        assert dark_corner < 60


def test_drawing_leaves_the_settings_of_the_program_alone(result: Evaluation) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw(result.figures)
    assert dict(mpl.rcParams) == before


def test_japanese_is_drawn_and_not_left_as_boxes(
    result: Evaluation, recwarn: pytest.WarningsRecorder
) -> None:
    draw(result.figures)
    assert [x for x in recwarn if "missing from" in str(x.message)] == []
    assert any(font.name == "IPAexGothic" for font in font_manager.fontManager.ttflist)


# The page in a browser --------------------------------------------------------------------------


def screenshot(page: Path, image: Path, *options: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--window-size=900,1200", f"--screenshot={image}", *options, page.as_uri()]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    return np.asarray(Image.open(image).convert("L"))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_shows_the_page_light_and_dark(report: Path, tmp_path: Path) -> None:
    page = report / "report.html"
    light = screenshot(page, tmp_path / "light.png")
    dark = screenshot(
        page, tmp_path / "dark.png", "--blink-settings=preferredColorScheme=0", "--force-dark-mode"
    )
    assert np.median(light) > 230
    assert np.median(dark) < 60
    for image in (light, dark):  # and text stands on it
        assert image.std() > 15


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_finds_the_page_whole_and_no_wider_than_the_window(
    report: Path, tmp_path: Path
) -> None:
    html = (report / "report.html").read_text(encoding="utf-8")
    probe = (
        "<script>addEventListener('load', () => { const root = document.documentElement;"
        "document.body.dataset.wide = root.scrollWidth - root.clientWidth;"
        "document.body.dataset.broken = [...document.images].filter(x => !x.naturalWidth).length;"
        "})</script></body>"
    )
    page = tmp_path / "page.html"
    page.write_text(html.replace("</body>", probe), encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--window-size=500,900", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<body data-wide="(-?\d+)" data-broken="(\d+)"', done.stdout)
    assert found is not None
    assert (int(found[1]), int(found[2])) == (0, 0)
