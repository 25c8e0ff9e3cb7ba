from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tokenward.server.storage.migrate import migrate
from tokenward.server.storage.sqlite import SQLiteStorage, open_sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated database."""
    path = tmp_path / "tokenward.db"
    migrate(path)
    return path


@pytest.fixture
async def storage(path: Path) -> AsyncIterator[SQLiteStorage]:
    storage = await open_sqlite(path, exclusive=True)
    yield storage
    await storage.close()
