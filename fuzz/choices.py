"""Decisions read out of the fuzzer's bytes, one byte for each."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Choices:
    """Reads decisions from the front of `data`; when nothing is left, every decision is the first one.

    One byte for one decision, and text as it is: so a small change of the input is a small change of what is made of
    it, which is what the fuzzer lives from.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """Return the next byte, 0 at the end."""
        at = self._at
        if at >= len(self._data):
            return 0
        self._at = at + 1
        return self._data[at]

    def one_of(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.byte() % len(items)]

    def piece(self) -> bytes:
        """Return the next piece of at most 63 bytes, as they stand."""
        length = self.byte() & 63
        at = self._at
        self._at = at + length
        return self._data[at : self._at]

    def rest(self) -> bytes:
        """Return all that is left."""
        return self._data[self._at :]
