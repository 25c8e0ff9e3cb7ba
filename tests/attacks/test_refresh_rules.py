"""I04 and I11: rotation cannot be switched off, and a refresh token is worth nothing to another client."""

from pathlib import Path

import pytest
from tests.server.building import EMAIL, dump, run_server, signed_in

from tokenward.errors import ConfigurationError
from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.settings import load_settings


@pytest.mark.parametrize("retry_seconds", [0, 60, 300])
async def test_i04_every_refresh_rotates_and_no_setting_stops_it(tmp_path: Path, retry_seconds: int) -> None:
    async with run_server(tmp_path, refresh_retry_seconds=retry_seconds) as server:
        tokens = [(await signed_in(server))["refresh_token"]]
        for _ in range(5):
            server.clock.advance(retry_seconds + 1)
            tokens.append((await server.client.refresh(tokens[-1])).json["refresh_token"])
        assert len({*tokens}) == len(tokens)
        server.clock.advance(retry_seconds + 1)
        # Any of before ends the session: what remembers them is the session itself, and cannot be left out.
        assert (await server.client.refresh(tokens[-2])).code == "invalid_grant"
        assert (await server.client.refresh(tokens[-1])).code == "invalid_grant"


@pytest.mark.parametrize("retry_seconds", ["-1", "301", "86400", "off"])
def test_i04_a_window_that_would_let_a_copy_live_is_an_error_at_the_start(retry_seconds: str) -> None:
    environment = {
        "TOKENWARD_ISSUER": "https://auth.example.com",
        "TOKENWARD_REFRESH_RETRY_SECONDS": retry_seconds,
    }
    with pytest.raises(ConfigurationError, match="refresh_retry_seconds"):
        load_settings(environment=environment)


async def test_i11_a_refresh_token_of_another_client_is_refused_and_harms_nobody(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        token = (await signed_in(server))["refresh_token"]
        before = dump(server.path)
        for client_id in ("cli_other", "first-party ", "FIRST-PARTY", "", EMAIL):
            with pytest.raises(InvalidGrant) as caught:
                await server.refresh(token, client_id=client_id)
            assert caught.value.reason == "refresh token of another client"
        assert dump(server.path) == before
        # Nor can a client ask for more: what a session may do was settled when it began.
        for more in ({"scope": "account admin"}, {"resource": "https://other"}, {"audience": "x"}):
            answer = await server.client.post("/api/v1/auth/refresh", json={"refresh_token": token, **more})
            assert (answer.status, answer.code) == (400, "unknown_member")
        assert (await server.client.refresh(token)).status == 200
