from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.conformance.engines import MAKE, Database

from tokenward.server.storage.interface import Storage


@pytest.fixture(params=sorted(MAKE))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database(engine: str, tmp_path: Path) -> Database:
    return MAKE[engine](tmp_path)


@pytest.fixture
async def storage(database: Database) -> AsyncIterator[Storage]:
    storage = await database.open()
    yield storage
    await storage.close()


@pytest.fixture
async def other(database: Database) -> AsyncIterator[Storage]:
    """A second handle on the same database."""
    storage = await database.open()
    yield storage
    await storage.close()
