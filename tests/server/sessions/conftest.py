import pytest
from tests.server.building import Server

from tokenward.server.sessions.sessions import Refreshed


@pytest.fixture
async def started(server: Server) -> Refreshed:
    """A session of an account of its own."""
    return await server.start(await server.account())
