"""A backup: the database as it is at one moment, taken beside a running server."""

import os
from pathlib import Path
from typing import NamedTuple

from tokenward.errors import ConfigurationError
from tokenward.server.maintenance.unfinished import unfinished_backup
from tokenward.server.services import database_path
from tokenward.server.settings import Settings
from tokenward.server.storage.migrate import plan
from tokenward.server.storage.sqlite_copy import CopyProgress, copy_database, sync


class BackedUp(NamedTuple):
    """The file of a backup and its size in bytes."""

    file: Path
    size: int


def back_up(settings: Settings, target: Path, progress: CopyProgress) -> BackedUp:
    """Copy the database of `settings` to the new file `target`; nothing stands there until the copy is checked.

    The copy holds no master key and cannot be restored without it. Nothing of the database is changed.

    Raises:
        ConfigurationError: there is no database, it is not ours, or `target` exists or cannot be made.
        StorageDamaged: the database is damaged, and so would be its copy.
        StorageUnavailable: it cannot be read, or the copy cannot be written.
    """
    database = database_path(settings)
    if not database.exists():
        msg = f"There is no database in {settings.data}. Name the data folder of the server with --data."
        raise ConfigurationError(msg)
    if target.exists() or target.is_symlink():
        raise _exists(target)
    # A database of a newer program is refused: this one does not know what has to be in a copy.
    plan(database)
    with unfinished_backup(target) as unfinished:
        copy_database(database, unfinished, progress)
        _give_name(unfinished, target)
    sync(target)
    return BackedUp(target, target.stat().st_size)


def _give_name(unfinished: Path, target: Path) -> None:
    try:
        # A link is refused where somebody made such a file meanwhile; a renaming would overwrite it.
        target.hardlink_to(unfinished)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:
        # Some file systems know no links.
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise _exists(target) from None
        unfinished.replace(target)


def _exists(target: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{target} exists, and a backup overwrites nothing. Name another file, or remove it."
    )
