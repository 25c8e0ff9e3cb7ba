from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.server.accounts.building import Built, build_accounts


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[Built]:
    async with build_accounts(tmp_path) as it:
        yield it
