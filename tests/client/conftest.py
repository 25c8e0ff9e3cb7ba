import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.flows.servers import PASSWORD, Installation, Server, installation

from tokenward.client import MemoryTokenStore, PasswordSignIn, TokenStore, TokenwardClient
from tokenward.jose import unverified_claims

NAME = "ada"
REFRESH = "/api/v1/auth/refresh"
ME = "/api/v1/users/me"


class Place:
    """A server with the account `ada`, and what it counts."""

    def __init__(self, here: Installation, server: Server) -> None:
        self.here = here
        self.server = server
        self.url = server.url

    def client(self, store: TokenStore | None = None, *, url: str = "", **more: Any) -> TokenwardClient:
        """A client of this server, on which nobody is signed in."""
        return TokenwardClient(
            url or self.url,
            store=MemoryTokenStore() if store is None else store,
            insecure_loopback_http=True,
            **more,
        )

    def signed_in(self, store: TokenStore | None = None, **more: Any) -> TokenwardClient:
        client = self.client(store, **more)
        client.sign_in(PasswordSignIn(NAME, PASSWORD))
        return client

    def counts(self) -> tuple[int, int]:
        """How many refreshes there were, and how many that were answered with the same successor again."""
        text = httpx.get(f"{self.url}/metrics").text
        found = dict(re.findall(r'^tokenward_events_total\{event="([^"]+)"\} (\d+)', text, re.MULTILINE))
        return int(found.get("session.refreshed", 0)), int(found.get("session.refresh_retried", 0))

    def revoke(self, token: str) -> None:
        """Have one access token refused, and not its session."""
        self.here.command("revoke", "--token", str(unverified_claims(token)["jti"]))

    def end_session(self, token: str) -> None:
        self.here.command("revoke", "--session", str(unverified_claims(token)["sid"]))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with installation(tmp_path_factory.mktemp("server"), measured=False) as here:
        server = here.start()
        body = {"username": NAME, "password": PASSWORD}
        assert httpx.post(f"{server.url}/api/v1/auth/register", json=body).status_code == 201
        yield Place(here, server)


@pytest.fixture
def place(shared: Place) -> Place:
    return shared
