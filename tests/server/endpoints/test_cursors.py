"""A cursor belongs to the list that gave it."""

import pytest
from tests.server.building import PASSWORD, Server
from tests.server.endpoints.admins import Admin, sign_in_admin

from tokenward.errors import InvalidRequest
from tokenward.server.endpoints.cursors import Place, encode_cursor, read_cursor

LISTS = (
    ("/api/v1/admin/accounts", ""),
    ("/api/v1/admin/accounts", "search=r"),
    ("/api/v1/admin/accounts/{sub}/sessions", ""),
    ("/api/v1/admin/sessions", ""),
    ("/api/v1/admin/keys", ""),
    ("/api/v1/admin/revocations", ""),
    ("/api/v1/admin/audit", ""),
    ("/api/v1/users/me/sessions", ""),
    ("/api/v1/users/me/export", ""),
)


async def _filled(server: Server) -> Admin:
    """An administrator for whom every list has more than one page."""
    admin = await sign_in_admin(server)
    await server.account("rob@example.com")
    for _ in range(3):
        assert (await server.client.log_in(PASSWORD, "root@example.com")).status == 200
    for value in ("A" * 22, "B" * 22):
        await admin.ask("POST", "revocations", json={"scope": "token", "value": value})
    return admin


async def test_the_cursor_of_one_list_means_nothing_to_another(server: Server) -> None:
    admin = await _filled(server)
    cursors = []
    for path, filters in LISTS:
        path = path.replace("{sub}", admin.account.sub)
        query = "&".join(filter(None, ("limit=1", filters))).encode()
        page = (await server.client.get(path, query=query, token=admin.token)).json
        assert page["next_cursor"] is not None, path
        cursors.append(page["next_cursor"])
    assert len({*cursors}) == len(LISTS)
    for given, cursor in enumerate(cursors):
        for asked, (path, filters) in enumerate(LISTS):
            path = path.replace("{sub}", admin.account.sub)
            query = "&".join(filter(None, (f"cursor={cursor}", filters))).encode()
            answer = await server.client.get(path, query=query, token=admin.token)
            assert answer.status == (200 if asked == given else 400), (LISTS[given], LISTS[asked])
            assert asked == given or answer.code == "invalid_request"


async def test_an_id_is_no_cursor(server: Server) -> None:
    admin = await _filled(server)
    for path in ("sessions", "audit", "accounts"):
        for item in await admin.items(path):
            assert (await admin.get(path, f"cursor={item['id']}")).status == 400


@pytest.mark.parametrize(
    "cursor", ["", "e30", "IiI", "W10", "WyJhIl0", encode_cursor("b", 1), encode_cursor("a", "x")]
)
def test_what_is_no_cursor_of_the_list_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        read_cursor(cursor, "a", Place)


def test_a_cursor_is_read_as_it_was_written() -> None:
    assert read_cursor(encode_cursor("a", 7), "a", Place) == 7
    assert read_cursor(encode_cursor("e", (1, 2)), "e", tuple[Place, Place]) == (1, 2)
    assert read_cursor(None, "a", str) is None
