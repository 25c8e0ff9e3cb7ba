"""Why a database is not opened. Each description says what to do; all but the last are `ConfigurationError`s."""

from tokenward.errors import ConfigurationError, StorageUnavailable


class StorageInUse(ConfigurationError):
    """Another process serves this database."""


class NotMigrated(ConfigurationError):
    """There is no database yet, or it lacks migrations that this program needs."""


class StorageTooNew(ConfigurationError):
    """A newer version of the program has migrated this database."""


class NotOurDatabase(ConfigurationError):
    """The file is not a database of this program."""


class MigrationChanged(ConfigurationError):
    """A migration that was applied to this database had another text than the one in this program."""


class StorageDamaged(StorageUnavailable):
    """The file is not what was written to it. `reason` says where; a client outside is told that it is unavailable."""
