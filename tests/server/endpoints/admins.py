"""Administrators who are signed in, and every route of theirs with what to send to it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.server.building import EMAIL, OTHER_PASSWORD, PASSWORD, Answer, Server

from tokenward.server.endpoints.routes import routes
from tokenward.server.sessions.sessions import sid_text
from tokenward.server.storage.records import AccountRecord

ADMIN_EMAIL = "root@example.com"


@dataclass
class Admin:
    """An account with the role, and an access token of it."""

    server: Server
    account: AccountRecord
    token: str

    async def ask(self, method: str, path: str, *, json: object = None, query: str = "") -> Answer:
        return await self.server.client.request(
            method, f"/api/v1/admin/{path}", json=json, token=self.token, query=query.encode()
        )

    async def get(self, path: str, query: str = "") -> Answer:
        return await self.ask("GET", path, query=query)

    async def items(self, path: str, query: str = "") -> list[dict[str, Any]]:
        answer = await self.get(path, query)
        assert answer.status == 200, answer
        assert answer.json.keys() == {"items", "next_cursor"}
        items = answer.json["items"]
        assert isinstance(items, list)
        return items

    async def pages(self, path: str, limit: int, query: str = "") -> list[list[dict[str, Any]]]:
        """Every page of a list, as a client follows it."""
        found, cursor = [], ""
        while True:
            answer = await self.get(path, "&".join(filter(None, (query, f"limit={limit}", cursor))))
            assert answer.status == 200, answer
            found.append(answer.json["items"])
            if answer.json["next_cursor"] is None:
                return found
            cursor = f"cursor={answer.json['next_cursor']}"


async def sign_in_admin(server: Server, email: str = ADMIN_EMAIL) -> Admin:
    account = await server.account(email, roles=("admin",))
    return Admin(server, account, await token_of(server, email))


async def token_of(server: Server, email: str = EMAIL) -> str:
    answer = await server.client.log_in(PASSWORD, email)
    assert answer.status == 200, answer
    return str(answer.json["access_token"])


class Route(NamedTuple):
    """A route of administrators, with a path and body that make it do its work, and the events that this writes."""

    name: str
    path: str
    body: dict[str, Any] | None
    events: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        return self.name.split()[0]

    async def ask(self, server: Server, token: str | None, **how: Any) -> Answer:
        return await server.client.request(self.method, self.path, json=self.body, token=token, **how)


BODIES: dict[str, tuple[dict[str, Any] | None, tuple[str, ...]]] = {
    "GET /api/v1/admin/accounts": (None, ()),
    "POST /api/v1/admin/accounts": (
        {"email": "new@example.com", "password": PASSWORD, "roles": ["reader"]},
        ("account.created",),
    ),
    "GET /api/v1/admin/accounts/{sub}": (None, ()),
    "DELETE /api/v1/admin/accounts/{sub}": (None, ("account.erased",)),
    "POST /api/v1/admin/accounts/{sub}/disable": (None, ("account.disabled",)),
    "POST /api/v1/admin/accounts/{sub}/enable": (None, ("account.enabled",)),
    "PUT /api/v1/admin/accounts/{sub}/roles": ({"roles": ["reader"]}, ("account.roles_changed",)),
    "PUT /api/v1/admin/accounts/{sub}/password": (
        {"password": OTHER_PASSWORD},
        ("account.password_changed",),
    ),
    "GET /api/v1/admin/accounts/{sub}/sessions": (None, ()),
    "DELETE /api/v1/admin/accounts/{sub}/sessions": (None, ("account.logged_out_everywhere",)),
    "GET /api/v1/admin/sessions": (None, ()),
    "DELETE /api/v1/admin/sessions/{sid}": (None, ("session.ended",)),
    "GET /api/v1/admin/keys": (None, ()),
    # One row for each key that was replaced: one that signs access tokens, one for refresh tokens.
    "POST /api/v1/admin/keys/rotate": (None, ("key.rotated", "key.rotated")),
    "GET /api/v1/admin/keys/{kid}/impact": (None, ()),
    "POST /api/v1/admin/keys/{kid}/revoke": ({"reason": "stolen"}, ("key.revoked",)),
    "GET /api/v1/admin/revocations": (None, ()),
    "POST /api/v1/admin/revocations": ({"scope": "token", "value": "A" * 22}, ("token.revoked",)),
    "GET /api/v1/admin/audit": (None, ()),
}


async def admin_routes(server: Server) -> list[Route]:
    """Every route under `/api/v1/admin/` of the table that the server uses, filled in for an account of its own."""
    account = await server.account("target@example.com")
    session = (await server.start(account)).session
    values = {
        "{sub}": account.sub,
        "{sid}": sid_text(session.sid),
        "{kid}": server.key("active").kid,
    }
    found = []
    for name in route_names():
        path = name.split()[1]
        for parameter, value in values.items():
            path = path.replace(parameter, value)
        found.append(Route(name, path, *BODIES[name]))
    return found


def route_names() -> list[str]:
    """Method and path of each, as the table of routes has them."""

    class Anything:
        def __getattr__(self, name: str) -> "Anything":
            return self

    anything: Any = Anything()
    parameters = [
        name for name in routes.__annotations__ if name not in ("issuer", "documentation", "return")
    ]
    table = routes(issuer="https://auth.example.com", **dict.fromkeys(parameters, anything))
    return [
        f"{method} {path}"
        for path, methods in table.items()
        if path.startswith("/api/v1/admin/")
        for method in methods
    ]
