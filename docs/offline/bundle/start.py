"""Label the posts of one file. start.bat starts it, with the file that was dragged onto it, if any.

The result is a new file beside the other one, with `_riskclf` in its name. An older result is never
replaced: somebody may have written into it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read when riskclf is imported


def main(arguments: Sequence[str]) -> int:
    """Label; returns the exit status of `riskclf predict`."""
    if len(arguments) > 1:
        say("Give one file at a time.", "ファイルは一度に一つだけ指定してください。")
        return 2
    file = Path(arguments[0]) if arguments else ask()
    if not file.is_file():
        say(f"{file} is not a file.", f"{file} が見つかりません。")
        return 2
    output = result_for(file)
    say(f"Reading {file}. Ctrl-C stops it.", f"{file} を読んでいます。Ctrl-C で中止できます。")
    from riskclf.cli import main as riskclf  # takes seconds, so the message comes first

    options = ["--lang", "ja"]
    if file.suffix.lower() in (".csv", ".tsv"):
        options.append("--excel")  # else Excel shows Japanese text garbled
    status = riskclf(["predict", "--input", str(file), "--output", str(output), *options])
    if status == 0:
        say(f"The result is in {output}.", f"結果は {output} にあります。")
    elif status == 1:
        say(
            f"The result is in {output}. Some rows could not be read: see {output}.rejects.csv.",
            f"結果は {output} にあります。読めない行がありました。"
            f"{output}.rejects.csv を確認してください。",
        )
    else:
        say(
            "It was not finished; the lines above say why. Start it again to continue.",
            "完了していません。原因は上に表示されています。もう一度実行すると続きから始まります。",
        )
    return status


def ask() -> Path:
    """Ask for a file; a file that is dragged into the window arrives in quotation marks."""
    say(
        "Type the name of a file of posts, or drag the file into this window, and press Enter.",
        "投稿のファイル名を入力するか、このウィンドウにファイルをドラッグして、"
        "Enter を押してください。",
    )
    return Path(input("> ").strip().strip('"'))


def result_for(file: Path) -> Path:
    """A file beside it that is not there yet. A run that was stopped has written none."""
    number = 1
    while True:
        mark = "_riskclf" if number == 1 else f"_riskclf_{number}"
        place = file.with_name(f"{file.stem}{mark}{file.suffix}")
        if not place.exists():
            return place
        number += 1


def say(english: str, japanese: str) -> None:
    """Print a message in both languages."""
    print(f"{english}\n{japanese}\n", flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
