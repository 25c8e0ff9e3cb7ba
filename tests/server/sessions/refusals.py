"""What a refused refresh must look like."""

import pytest
from tests.server.building import HOME, Server, dump

from tokenward.server.login import FIRST_PARTY
from tokenward.server.sessions.refresh_tokens import InvalidGrant


async def refused(server: Server, token: str, client_id: str = FIRST_PARTY) -> str:
    """The private reason of a refusal, which outwardly is always the same."""
    with pytest.raises(InvalidGrant) as caught:
        await server.refresh(token, HOME, client_id)
    assert caught.value.description == InvalidGrant.description
    return caught.value.reason


async def refused_and_nothing_written(server: Server, token: str, client_id: str = FIRST_PARTY) -> str:
    """The same, and the whole database is as it was."""
    before = dump(server.path)
    reason = await refused(server, token, client_id)
    assert dump(server.path) == before
    return reason
