"""Label every new file of a folder: a job for cron or the Windows Task Scheduler.

::

    python nightly.py INBOX OUTBOX

    0 2 * * *  cd /srv/posts && venv/bin/python nightly.py inbox outbox >> nightly.log 2>&1
    schtasks /Create /TN riskclf /SC DAILY /ST 02:00 /TR ^
      "C:\\venv\\Scripts\\python.exe C:\\nightly.py C:\\inbox C:\\outbox"

It can be run again at any time: what is done is not done again, what was stopped is continued, and
a file that another run is labelling is left to it. Move a file into INBOX when it is complete. The
exit status is 1 if a file failed; the others are labelled all the same. The log names files, and
never holds a post.
"""

from __future__ import annotations

import sys
from pathlib import Path

from riskclf.cli import main as riskclf

SUFFIXES = {".csv", ".xlsx", ".tsv", ".jsonl", ".parquet"}


def label_all(inbox: Path, outbox: Path, *options: str) -> int:
    """Label the files of `inbox` that have changed; `options` are those of `riskclf predict`."""
    failed = 0
    outbox.mkdir(parents=True, exist_ok=True)
    for file in sorted(inbox.iterdir()):
        output = outbox / file.name
        if file.suffix.lower() not in SUFFIXES or is_done(file, output):
            continue
        status = riskclf(["predict", "--input", str(file), "--output", str(output), *options])
        # 0: all rows; 1: some rows could not be read, and are listed beside the output.
        print(f"{file.name}: exit status {status}", file=sys.stderr, flush=True)
        failed += status not in (0, 1)
    return 1 if failed else 0


def is_done(file: Path, output: Path) -> bool:
    """The output is there, which it is only when it is complete, and newer than the file."""
    return output.exists() and output.stat().st_mtime_ns >= file.stat().st_mtime_ns


if __name__ == "__main__":
    raise SystemExit(label_all(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
