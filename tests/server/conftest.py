from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.server.building import Client, Server, run_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server with the plain settings of `building.settings`."""
    async with run_server(tmp_path) as it:
        yield it


@pytest.fixture
def client(server: Server) -> Client:
    return server.client
