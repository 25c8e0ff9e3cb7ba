"""`/api/v1/admin/keys`: the key ring, rotating it, and revoking a key with a look beforehand at what that does."""

from typing import Annotated

import msgspec
from msgspec import Meta

from tokenward.protocol.errors import NOT_FOUND
from tokenward.server.accounts.administration import as_admin
from tokenward.server.endpoints.admin.admins import Admins
from tokenward.server.endpoints.admin.reasons import DEFAULT_REASON, check_reason
from tokenward.server.endpoints.bodies import read_json
from tokenward.server.endpoints.cursors import Place, encode_cursor, read_cursor
from tokenward.server.endpoints.documentation import fields
from tokenward.server.endpoints.documentation.described import Access, described
from tokenward.server.endpoints.messages import Request, Response, json_response
from tokenward.server.endpoints.paging import Page, PageQuery, list_response, read_paging
from tokenward.server.keyring.impact import KeyImpact
from tokenward.server.keyring.ring import KeyRing
from tokenward.server.keyring.rotation import Rotation, UnknownKey
from tokenward.server.storage.records import KeyRecord

_KIND = "k"


class KeyRevocation(msgspec.Struct):
    """Why: a word for the log."""

    reason: fields.Reason = DEFAULT_REASON


# As the ring writes them; an answer is not read back, so these are for the description only.
_Use = Annotated[str, Meta(extra_json_schema={"enum": ["access", "id", "feed", "refresh"]})]
_State = Annotated[
    str,
    Meta(extra_json_schema={"enum": ["pending", "active", "retiring", "retired", "revoked", "verify-only"]}),
]


class Key(msgspec.Struct):
    """A key as an administrator sees it: nothing of the key itself. `retired_at` is also when it was revoked."""

    kid: fields.Kid
    use: _Use
    alg: str
    state: _State
    created_at: fields.Seconds
    signs_from: fields.Seconds | None
    activated_at: fields.Seconds | None
    retiring_at: fields.Seconds | None
    retired_at: fields.Seconds | None


class KeyPage(Page[Key]):
    """Some of the keys, the newest first."""


class Rotated(msgspec.Struct):
    """In words, what was done."""

    done: list[str]


class Impact(msgspec.Struct):
    """What revoking the key would do.

    `ended_sessions` counts the sessions that would end, and `next_kid` is the key that would sign from then on, if it
    is there already.
    """

    key: Key
    consequences: str
    ended_sessions: fields.Count
    next_kid: fields.Kid | None


class RevokedKey(msgspec.Struct):
    """The key, and from where its tokens are refused."""

    kid: fields.Kid
    revoked_from: fields.LogNumber


def key(record: KeyRecord) -> Key:
    """A key as an administrator sees it."""
    return Key(
        kid=record.kid,
        use=record.use,
        alg=record.alg,
        state=record.state,
        created_at=record.created_at,
        signs_from=record.signs_from,
        activated_at=record.activated_at,
        retiring_at=record.retiring_at,
        retired_at=record.retired_at,
    )


_EXAMPLE = Key(
    kid=fields.EXAMPLE_KID,
    use="access",
    alg="ES256",
    state="active",
    created_at=1763985600,
    signs_from=1763989500,
    activated_at=1763989500,
    retiring_at=None,
    retired_at=None,
)


class AdminKeyEndpoints:
    """The key ring, for administrators."""

    def __init__(self, *, admins: Admins, ring: KeyRing, rotation: Rotation, impact: KeyImpact) -> None:
        self._admins = admins
        self._ring = ring
        self._rotation = rotation
        self._impact = impact

    @described("listKeys", access=Access.ADMIN, query=PageQuery, answer=KeyPage([_EXAMPLE], None))
    async def list_keys(self, request: Request) -> Response:
        """`GET /api/v1/admin/keys`: every key of every state, the newest first.

        `retired_at` is also when a key was revoked.
        """
        await self._admins.check(request)
        paging = read_paging(request)
        before = read_cursor(paging.after, _KIND, Place)
        older = [one for one in reversed(self._ring.records) if before is None or one.number < before]
        shown = older[: paging.limit]
        more = len(older) > paging.limit
        return list_response(map(key, shown), encode_cursor(_KIND, shown[-1].number) if more else None)

    @described(
        "rotateKeys",
        access=Access.ADMIN,
        answer=Rotated(
            ["ES256: handed over to the stand-by key; the old one verifies until its tokens expired"]
        ),
    )
    async def rotate_keys(self, request: Request) -> Response:
        """`POST /api/v1/admin/keys/rotate`: hand over to the stand-by keys now. No token and no session is lost.

        Refused while a stand-by key has not been published for long enough. Against a stolen key it does nothing:
        revoke that. `done` says in words what was done.
        """
        admin = await self._admins.check(request)
        rotation = as_admin(self._rotation, admin.sub)
        return json_response(Rotated(await rotation.rotate_now(admin.sub, request_id=request.id)))

    @described(
        "readKeyImpact",
        access=Access.ADMIN,
        answer=Impact(_EXAMPLE, "Every access token that this key signed is refused at once.", 0, None),
        refuses=(NOT_FOUND,),
    )
    async def read_impact(self, request: Request) -> Response:
        """`GET /api/v1/admin/keys/{kid}/impact`: what revoking the key would do to whom. Changes nothing.

        `ended_sessions` counts the sessions that would end, and `next_kid` is the key that would sign from then on, if
        it is there already.
        """
        await self._admins.check(request)
        impact = await self._impact.find_out(self._get_kid(request))
        return json_response(
            Impact(key(impact.key), impact.consequences, impact.ended_sessions, impact.next_kid)
        )

    @described(
        "revokeKey",
        access=Access.ADMIN,
        body=KeyRevocation("stolen"),
        answer=RevokedKey(fields.EXAMPLE_KID, 1099511627783),
        refuses=(NOT_FOUND,),
    )
    async def revoke_key(self, request: Request) -> Response:
        """`POST /api/v1/admin/keys/{kid}/revoke`: make the key, and every token it signed, count for nothing at once.

        There is no way back; ask for the impact first. It may refuse the access token of who asks, too.
        """
        await self._admins.check(request)
        body = await read_json(request, KeyRevocation)
        admin = await self._admins.check(request)
        reason = check_reason(body.reason)
        kid = self._get_kid(request)
        rotation = as_admin(self._rotation, admin.sub)
        n = await rotation.revoke(kid, reason=reason, actor=admin.sub, request_id=request.id)
        return json_response(RevokedKey(kid, n))

    def _get_kid(self, request: Request) -> str:
        record = self._ring.find(request.parameters["kid"])
        if record is None:
            # Without what the path said, which may be anything.
            msg = "There is no such key."
            raise UnknownKey(msg)
        return record.kid
