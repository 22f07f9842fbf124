"""Posts that repeat are scored once: the results of the latest posts, in bounded memory.

Two posts repeat each other where nothing that is read of them differs (`riskclf.reading.Reading`).
Results are kept by a digest of it, for one run: no text of a post is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Generic, TypeVar

from riskclf.reading import Reading

__all__ = ["Recent", "key_of", "key_of_raw"]

_MOST = 1 << 14

V = TypeVar("V")


def key_of(reading: Reading) -> bytes:
    """A digest of what is read of a post; two posts with the same one get the same result."""
    content = "\0".join((reading.text, *reading.codes))  # there is no NUL in normalised text
    return blake2b(content.encode("utf-8"), digest_size=16).digest()


def key_of_raw(post: str) -> bytes:
    """A digest of a post as it was given, for results with offsets into it."""
    return blake2b(post.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Recent(Generic[V]):
    """Results by key; of many, those that were used latest are kept."""

    def __init__(self, most: int = _MOST) -> None:
        """
        Args:
            most: how many results are kept.
        """
        self._most = most
        self._results: OrderedDict[bytes, V] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        return key in self._results

    def __len__(self) -> int:
        return len(self._results)

    def complete(self, keys: Sequence[bytes], new: Mapping[bytes, V]) -> list[V]:
        """The result of each key, all of which become the latest.

        Args:
            keys: of posts, in their order; each is in here or among the new ones.
            new: further results.
        """
        found = [new[key] if key in new else self._results[key] for key in keys]
        for key, result in zip(keys, found, strict=True):
            self._results[key] = result
            self._results.move_to_end(key)
        while len(self._results) > self._most:
            self._results.popitem(last=False)
        return found
