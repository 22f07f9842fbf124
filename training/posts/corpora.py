"""The public corpora behind the packaged model: what they are, and their lines by use.

A corpus directory holds text files of one line per sentence and a `manifest.json` that names for
each of them its language, licence, source (repository and commit), SHA-256, number of lines and
use. The project commits no corpus: whoever rebuilds the model fetches them from the sources that
the manifest names.

Uses: ``benign`` (may serve as benign training text), ``adapt`` (for adapting the encoder only),
``heldout`` (false-positive sets) and ``outside task``. The last two are closed to everything that
shapes a model: `Corpora.lines` never opens a file that carries one of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskclf.errors import FormatError, InputError

__all__ = ["ADAPTING", "CLOSED", "Corpora", "Source", "origins"]

ADAPTING = ("adapt", "benign")
"""The uses whose lines may shape the vocabulary and the encoder."""

CLOSED = frozenset({"heldout", "outside task"})
"""The uses whose lines may shape nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the corpora and where it comes from."""

    path: Path
    language: str
    """ISO 639-1 code."""
    licence: str
    repository: str
    """Such as ``github:owner/name``, or ``derived`` for a file cut from the others."""
    commit: str
    sha256: str
    line_count: int
    uses: frozenset[str]

    @property
    def origin(self) -> str:
        """Repository and commit, for messages and provenance."""
        return f"{self.repository} at {self.commit}" if self.commit else self.repository

    def lines(self) -> Iterator[str]:
        """The non-empty lines, without their line ends.

        Raises:
            InputError: the file is missing.
            FormatError: the file is not the one that the manifest describes, or not UTF-8.
        """
        if not self.path.is_file():
            raise InputError(f"{self.path} is missing: fetch it from {self.origin}")
        content = self.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise FormatError(
                f"{self.path} is not the file that manifest.json describes (its SHA-256 differs): "
                f"fetch it again from {self.origin}"
            )
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(f"{self.path} is not UTF-8; it comes from {self.origin}") from error
        # Only "\n" ends a line: U+2028 and the like are characters of the text.
        for line in text.split("\n"):
            stripped = line.strip()
            if stripped:
                yield stripped


@dataclass(frozen=True, slots=True)
class Corpora:
    """A directory of corpora, as its manifest describes it."""

    directory: Path
    sources: tuple[Source, ...]

    @classmethod
    def load(cls, directory: Path | str) -> Corpora:
        """Read `manifest.json`; the text files are read, and checked, when their lines are.

        Raises:
            InputError: there is no manifest.
            FormatError: the manifest cannot be read.
        """
        directory = Path(directory)
        manifest = directory / "manifest.json"
        if not manifest.is_file():
            raise InputError(f"{manifest} is missing: it names the corpora and where to fetch them")
        try:
            entries = json.loads(manifest.read_text(encoding="utf-8"))
            sources = tuple(_source(directory, entry) for entry in entries)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise FormatError(
                f"{manifest} is not a list of corpora with file, language, licence, repository, "
                f"commit, sha256, lines and use ({type(error).__name__}: {error})"
            ) from error
        return cls(directory, sources)

    def of(self, *uses: str, language: str | None = None) -> tuple[Source, ...]:
        """The sources with any of the `uses`, in the order of the manifest.

        Asked for open uses only, it leaves out every source that also carries a closed one.
        """
        wanted = frozenset(uses)
        return tuple(
            source
            for source in self.sources
            if source.uses & wanted
            and (wanted & CLOSED or not source.uses & CLOSED)
            and language in (None, source.language)
        )

    def lines(self, *uses: str, language: str | None = None) -> Iterator[str]:
        """Lines of all sources with any of the `uses`, file after file.

        Raises:
            ValueError: a closed use is asked for.
            InputError, FormatError: as `Source.lines`.
        """
        if closed := CLOSED.intersection(uses):
            raise ValueError(f"lines for {sorted(closed)[0]!r} may shape no model")
        for source in self.of(*uses, language=language):
            yield from source.lines()


def origins(sources: Iterable[Source]) -> list[dict[str, str]]:
    """File, licence, origin and SHA-256 of each source, for the record."""
    return [
        {
            "file": source.path.name,
            "licence": source.licence,
            "origin": source.origin,
            "sha256": source.sha256,
        }
        for source in sources
    ]


def _source(directory: Path, entry: dict[str, Any]) -> Source:
    name = str(entry["file"])
    if Path(name).name != name:
        raise ValueError(f"file {name!r} lies outside the directory")
    return Source(
        path=directory / name,
        language=str(entry["language"]),
        licence=str(entry["licence"]),
        repository=str(entry["repository"]),
        commit=str(entry["commit"]),
        sha256=str(entry["sha256"]),
        line_count=int(entry["lines"]),
        uses=frozenset(map(str, entry["use"])),
    )
