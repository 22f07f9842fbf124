"""What can go wrong, as exceptions that say what to do next.

::

    RiskclfError
     ├── ArtifactError               a model directory cannot be used
     │    ├── ArtifactNotFound       no such directory or hub id
     │    ├── ArtifactCorrupt        a file is missing, altered or unreadable
     │    ├── ArtifactMismatch       it loads, but does not compute what it was saved with
     │    └── SignatureError         it is not signed by the key that was given
     ├── TokenizerError              text cannot be turned into ids
     │    ├── UnsupportedTokenizer   tokenizer_config.json describes another kind
     │    └── DictionaryNotFound     the MeCab dictionary is not installed
     ├── OperatingPointError         thresholds that cannot be used
     ├── InputError                  a file or a value from the user cannot be used
     │    ├── FormatError            not the format that it should be
     │    ├── ColumnNotFound         a named column is missing
     │    ├── EvaluationError        labelled posts do not allow what was asked
     │    └── NotText                a single post is not a str
     ├── CaseError                   a case, or the case store, does not allow what was asked
     ├── MissingExtra                an optional dependency is not installed
     ├── ReadingWarning              only warned of: how a file is read was not certain
     └── RegressionWarning           only warned of: the model was not accepted

Every message is one line for people: it names the file, the row and the column where there are
any, and says what to do. No message contains the text of a post.
"""

from __future__ import annotations

__all__ = [
    "ArtifactCorrupt",
    "ArtifactError",
    "ArtifactMismatch",
    "ArtifactNotFound",
    "CaseError",
    "ColumnNotFound",
    "DictionaryNotFound",
    "EvaluationError",
    "FormatError",
    "InputError",
    "MissingExtra",
    "NotText",
    "OperatingPointError",
    "ReadingWarning",
    "RegressionWarning",
    "RiskclfError",
    "SignatureError",
    "TokenizerError",
    "UnsupportedTokenizer",
]


class RiskclfError(Exception):
    """Base of every error that riskclf raises on purpose."""


class ArtifactError(RiskclfError):
    """A model directory cannot be used."""


class ArtifactNotFound(ArtifactError):
    """There is no model at the given directory or hub id."""


class ArtifactCorrupt(ArtifactError):
    """A file of the model is missing, altered or unreadable."""


class ArtifactMismatch(ArtifactError):
    """The model loads, but gives other logits for its probe sentences than when it was saved."""


class SignatureError(ArtifactError):
    """A model is not signed, or not by the key that was given, or was changed afterwards."""


class TokenizerError(RiskclfError):
    """Text cannot be turned into ids."""


class UnsupportedTokenizer(TokenizerError):
    """tokenizer_config.json describes a tokenizer other than MeCab words and WordPiece."""


class DictionaryNotFound(TokenizerError):
    """The MeCab dictionary that the model was trained with is not installed."""


class OperatingPointError(RiskclfError):
    """Thresholds that cannot be used, such as `review` not below `flag`."""


class InputError(RiskclfError):
    """A file or a value from the user cannot be used."""


class FormatError(InputError):
    """A file is not in the format that its name or option says."""


class ColumnNotFound(InputError):
    """A column that was asked for is not in the file."""


class EvaluationError(InputError):
    """Labelled posts do not allow what was asked, such as thresholds from benign posts alone."""


class NotText(InputError, TypeError):
    """A single post was expected as a str, and something else was given."""


class CaseError(RiskclfError):
    """A case, or the case store, does not allow what was asked: a step, a person, a time."""


class MissingExtra(RiskclfError, ImportError):
    """An optional dependency is needed; the message holds the command that installs it."""


class ReadingWarning(RiskclfError, UserWarning):
    """How a file is read was not certain, such as its encoding: check that its posts look right.

    It is warned of, not raised, unless warnings are made errors (`python -W error`).
    """


class RegressionWarning(RiskclfError, UserWarning):
    """The model was fine-tuned and not accepted, because it has lost what it found before.

    It is warned of, not raised, unless warnings are made errors (`python -W error`).
    """
