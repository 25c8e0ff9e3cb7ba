"""The rows of a file that is imported: CSV, JSON lines, and one JSON document; read in parts, within bounded memory.

Owns where a row begins and ends. What its members mean is `import_formats`'.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from tokenward.jose.strict_json import StrictJSONError, decode_object
from tokenward.server.accounts.import_refusals import MalformedFile

LONGEST_ROW = 256 * 1024
# A realm has much beside its users, and is looked at member by member.
LONGEST_MEMBER = 64 * 1024 * 1024
_MOST_MEMBERS = 4096
_CHUNK = 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPACE = " \t\r\n"


class Row(NamedTuple):
    """A row: the line on which it begins, and its members, or the code of why it is refused."""

    line: int
    members: dict[str, Any]
    refused: str | None = None


class SourceFile:
    """A file that is read from its start to its end, once. `read` and `size` are in bytes."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        self.size = path.stat().st_size
        self.read = 0

    def line(self, longest: int) -> bytes:
        """The next line with its end; a longer one in pieces of `longest`; empty at the end of the file."""
        return self._counted(self._file.readline(longest), skip_mark=self.read == 0)

    def chunk(self, size: int) -> bytes:
        """At most so many bytes; empty at the end of the file."""
        return self._counted(self._file.read(size), skip_mark=self.read == 0)

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _counted(self, data: bytes, *, skip_mark: bool) -> bytes:
        self.read += len(data)
        return data.removeprefix(_BYTE_ORDER_MARK) if skip_mark else data


class _Lines:
    """The lines of a CSV file, for `csv.reader`, which asks for more while a quoted field goes on."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self.number = 0
        self.first = 1
        self._length = 0

    def begin_row(self) -> None:
        self.first = self.number + 1
        self._length = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.line(LONGEST_ROW + 1):
            self.number += 1
            self._length += len(line)
            if self._length > LONGEST_ROW:
                msg = f"a row is longer than {LONGEST_ROW} bytes; is a quotation mark not closed?"
                raise MalformedFile(self.first, msg)
            # Bytes that are no UTF-8 are kept apart until their row is known.
            yield line.decode("utf-8", "surrogateescape")


def check_header(
    names: list[str], known: frozenset[str], ignored: frozenset[str], needed: frozenset[str], *, open_: bool
) -> None:
    """Check the names of the columns: one of `needed` must be there; with `open_` any may be there besides.

    Raises:
        MalformedFile: one is there twice, is not known, or the line names no columns at all.
    """
    if needed.isdisjoint(names) or any(not name.isprintable() for name in names):
        # Nothing of the line is shown: where it names no columns it may hold hashes.
        msg = f"the first line must name the columns in UTF-8, with commas between them: {', '.join(sorted(known))}"
        raise MalformedFile(1, msg)
    unknown = [] if open_ else [name for name in names if name not in known | ignored]
    if unknown:
        msg = f"the column {unknown[0][:60]!a} is not known; rename it, or name it with --ignore"
        raise MalformedFile(1, msg)
    doubled = [name for place, name in enumerate(names) if name in names[:place]]
    if doubled:
        raise MalformedFile(1, f"the column {doubled[0][:60]!a} is there twice")


def csv_rows(
    file: SourceFile,
    known: frozenset[str],
    ignored: frozenset[str],
    needed: frozenset[str],
    *,
    open_: bool = False,
) -> Iterator[Row]:
    """The rows of a CSV file (RFC 4180) in UTF-8 with a line of names, for which see `check_header`.

    Raises:
        MalformedFile: the names or the quotation marks are wrong. A row after a wrong quotation mark might be what
            somebody wrote into a field.
    """
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    csv.field_size_limit(LONGEST_ROW)
    names = _next_row(reader, lines) or []
    check_header(names, known, ignored, needed, open_=open_)
    while (fields := _next_row(reader, lines)) is not None:
        if not fields:
            continue
        if len(fields) != len(names):
            yield Row(lines.first, {}, "wrong_number_of_fields")
        elif not _is_utf8(fields):
            yield Row(lines.first, {}, "not_utf8")
        else:
            yield Row(lines.first, dict(zip(names, fields, strict=True)))


def _next_row(reader: "Iterator[list[str]]", lines: _Lines) -> list[str] | None:
    lines.begin_row()
    try:
        return next(reader, None)
    except csv.Error:
        # Its text may hold the field.
        raise MalformedFile(lines.first, "a quotation mark is not where it can be") from None


def _is_utf8(fields: list[str]) -> bool:
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:
        return False
    return True


def json_lines(file: SourceFile) -> Iterator[Row]:
    """The rows of a file with one JSON object on each line; empty lines do not count."""
    number = 0
    while line := file.line(LONGEST_ROW + 1):
        number += 1
        if len(line) > LONGEST_ROW:
            while not line.endswith(b"\n") and (line := file.line(LONGEST_ROW)):
                pass
            yield Row(number, {}, "row_too_long")
        elif line.strip():
            yield _row(number, line.strip())


def json_document(file: SourceFile, *, member: str | None) -> Iterator[Row]:
    """The objects of an array: of the document itself, or of the `member` of an object.

    Raises:
        MalformedFile: it is no such document, or no JSON.
    """
    text = _Text(file)
    if member is None:
        yield from text.elements()
    else:
        yield from _elements_of_member(text, member)
    if text.peek():
        raise text.malformed("there is more after the end of the document")


def _elements_of_member(text: "_Text", member: str) -> Iterator[Row]:
    text.take("{")
    seen = False
    while True:
        if text.peek() != '"':
            raise text.malformed("a name was expected")
        name = text.value(LONGEST_ROW)[0]
        text.take(":")
        if name != member:
            text.value(LONGEST_MEMBER)
        elif seen:
            raise text.malformed(f"the member {member} is there twice")
        else:
            seen = True
            yield from text.elements()
        if text.peek() == "}":
            break
        text.take(",")
    text.take("}")
    if not seen:
        raise text.malformed(f"there is no member {member}")


class _Text:
    """A JSON document that is read in parts."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._bytes = b""
        self._text = ""
        self._at = 0
        self._line = 1
        # What is only skipped may hold numbers that are longer than Python turns into integers.
        self._decoder = json.JSONDecoder(parse_int=str, parse_float=str)

    def malformed(self, says: str) -> MalformedFile:
        return MalformedFile(self._line, says)

    def elements(self) -> Iterator[Row]:
        """Each object of the array that begins here."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            if self.peek() != "{":
                raise self.malformed("an object was expected")
            line = self._line
            source = self.value(LONGEST_ROW)[1]
            yield _row(line, source.encode())
            if self.peek() == "]":
                break
            self.take(",")
        self.take("]")

    def take(self, character: str) -> None:
        if self.peek() != character:
            raise self.malformed(f"{character} was expected")
        self._at += 1

    def peek(self) -> str:
        """The next character that is no space, which is not taken; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._move(self._at + 1)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def value(self, longest: int) -> tuple[object, str]:
        """The value that begins here, and its text, which is taken."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except ValueError:
                # Not whole yet, or no JSON at all.
                end = len(self._text)
                value = None
            except RecursionError:
                raise self.malformed("a value is nested too deep") from None
            # A number that ends where the text does may go on.
            if end < len(self._text) or (value is not None and self._text[end - 1] in '}]"'):
                break
            if end - self._at > longest or not self._more():
                raise self.malformed("this is no JSON, or a value is too long")
        source = self._text[self._at : end]
        if len(source) > longest:
            raise self.malformed("a value is too long")
        self._move(end)
        return value, source

    def _move(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        # As much again as waits, so that a long value is not looked at too often.
        data = self._file.chunk(max(_CHUNK, len(self._text) - self._at))
        whole = self._bytes + data
        try:
            text, used = whole.decode("utf-8"), len(whole)
        except UnicodeDecodeError as error:
            if not data or len(whole) - error.start > 3:
                raise self.malformed("from here on something is no UTF-8") from None
            text, used = whole[: error.start].decode("utf-8"), error.start
        self._bytes = whole[used:]
        self._text, self._at = self._text[self._at :] + text, 0
        return bool(data)


def _row(line: int, source: bytes) -> Row:
    try:
        members = decode_object(source, max_bytes=LONGEST_ROW, max_members=_MOST_MEMBERS)
    except StrictJSONError as error:
        return Row(line, {}, "row_too_long" if error.reason == "too_large" else "malformed_json")
    return Row(line, members)
