from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.server.mounting.applications import Application, run_application


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    """An application without claims of its own."""
    async with run_application(tmp_path) as started:
        yield started
