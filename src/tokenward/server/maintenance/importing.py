"""An import: the rows of a file, one after the other, into accounts; in short commits beside a running server."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tokenward.clock import Clock
from tokenward.server.accounts.account_import import AccountImport, Allowed, CheckedRow, check_row
from tokenward.server.accounts.import_refusals import MalformedFile, RowRefused
from tokenward.server.maintenance.import_formats import COLUMNS, Format
from tokenward.server.maintenance.import_rows import Row, SourceFile
from tokenward.server.storage.file_lock import FileLock

MOST_ROWS = 1_000_000
# So many accounts are made in one commit, beside a server and alone. A refresh of the server waits for a commit.
_ROWS_IN_A_SHARED_COMMIT = 48
_ROWS_IN_A_COMMIT = 256
# A waiting server looks for its turn now and then, and must find it free: between two commits is so many times what
# the last one took. Whether there is a server is looked up once in so many rows.
_PAUSE = 1.5
_ROWS_TO_A_LOOK = 2_000
_MOST_DROPPED = 50
_LONGEST_NAME = 60


class Refusal(NamedTuple):
    """A row that was not imported: the line where it begins, its number among the rows, and why."""

    line: int
    row: int
    code: str


@dataclass
class Imported:
    """What an import did, or with `dry_run` would do. `dropped` counts what accounts have no place for."""

    dry_run: bool
    rows: int = 0
    created: int = 0
    already_there: int = 0
    refused: int = 0
    without_password: int = 0
    refused_by_code: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


class _Waiting(NamedTuple):
    line: int
    row: int
    checked: CheckedRow


class Import:
    """One import of one file.

    Every account is whole or not there at all, whatever ends the import; the same file may be imported again, and
    what was imported from it is then left as it is. `done` counts all the while. `tell_refused` gets each refusal,
    `tell_progress` what is left and the whole, in bytes.
    """

    def __init__(
        self,
        accounts: AccountImport,
        clock: Clock,
        database: Path,
        *,
        dry_run: bool,
        allowed: Allowed,
        ignored: frozenset[str],
        tell_refused: Callable[[Refusal], None],
        tell_progress: Callable[[int, int], None],
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._database = database
        self._is_shared = False
        self._allowed = allowed
        self._ignored = ignored
        self._tell_refused = tell_refused
        self._tell_progress = tell_progress
        # Logins of this file. A second row with one is a mistake in the file, also when the first was there before.
        self._seen: set[str] = set()
        self._seen_external: set[str] = set()
        self._waiting: list[_Waiting] = []
        self._next_look = 0
        self._not_before = 0.0
        self.done = Imported(dry_run)

    async def run(self, file: SourceFile, form: Format) -> None:
        """Import the file from its first row to its last.

        Raises:
            MalformedFile: from a line on nothing could be read; all before it is done.
            StorageUnavailable: the database cannot be written; what was counted is done.
        """
        try:
            for row in form.rows(file, self._ignored):
                if self.done.rows == MOST_ROWS:
                    msg = f"there are more than {MOST_ROWS} rows. Import the rest as a file of its own"
                    raise MalformedFile(row.line, msg)
                await self._take(row, form)
                if len(self._waiting) >= self._rows_in_a_commit():
                    await self._create()
                    self._tell_progress(file.size - file.read, file.size)
        finally:
            await self._create()
        self._tell_progress(0, file.size)

    async def _take(self, row: Row, form: Format) -> None:
        self.done.rows += 1
        number = self.done.rows
        try:
            checked = self._check(row, form)
            if await self._accounts.find_imported(checked):
                self._note_seen(checked)
                self.done.already_there += 1
                return
        except RowRefused as error:
            self._refuse(row.line, number, error.refusal)
            return
        self._note_seen(checked)
        self._waiting.append(_Waiting(row.line, number, checked))

    def _check(self, row: Row, form: Format) -> CheckedRow:
        if row.refused is not None:
            raise RowRefused(row.refused)
        if form.closed and not row.members.keys() <= COLUMNS | self._ignored:
            raise RowRefused("unknown_member")
        mapped = form.fields(row.members)
        checked = check_row(mapped.fields, self._allowed, int(self._clock.now()))
        if not self._seen.isdisjoint(checked.logins):
            raise RowRefused("duplicate_login")
        if checked.external_id in self._seen_external:
            raise RowRefused("duplicate_external_id")
        self._note_dropped(mapped.dropped)
        return checked

    def _note_seen(self, checked: CheckedRow) -> None:
        self._seen.update(checked.logins)
        if checked.external_id is not None:
            self._seen_external.add(checked.external_id)

    def _note_dropped(self, names: tuple[str, ...]) -> None:
        dropped = self.done.dropped
        for name in names:
            # A file may name as many as it likes; they must not fill the memory.
            known = name in dropped or (len(dropped) < _MOST_DROPPED and len(name) <= _LONGEST_NAME)
            dropped[name if known else "(others)"] += 1

    async def _create(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        made = [True] * len(waiting)
        if not self.done.dry_run:
            made = await self._commit([one.checked for one in waiting])
        for one, is_made in zip(waiting, made, strict=True):
            if not is_made:
                # Somebody registered with this login, or got the external id, after it was looked up.
                self._refuse(one.line, one.row, "login_taken")
                continue
            self.done.created += 1
            self.done.without_password += one.checked.password is None

    def _rows_in_a_commit(self) -> int:
        if self.done.rows >= self._next_look:
            self._next_look = self.done.rows + _ROWS_TO_A_LOOK
            self._is_shared = FileLock.is_held(self._database)
        return _ROWS_IN_A_SHARED_COMMIT if self._is_shared else _ROWS_IN_A_COMMIT

    async def _commit(self, rows: list[CheckedRow]) -> list[bool]:
        # What was read and checked since the last commit was a pause already.
        await asyncio.sleep(max(0.0, self._not_before - self._clock.monotonic()))
        began = self._clock.monotonic()
        made = await self._accounts.create(rows)
        if self._is_shared:
            ended = self._clock.monotonic()
            self._not_before = ended + (ended - began) * _PAUSE
        return made

    def _refuse(self, line: int, row: int, code: str) -> None:
        self.done.refused += 1
        self.done.refused_by_code[code] += 1
        self._tell_refused(Refusal(line, row, code))
