"""The live revocations, held in memory, and the question whether one of them matches a token."""

import heapq
from collections.abc import Iterable
from typing import Final, NamedTuple

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.tokens.access_token import AccessToken

SCOPES: Final = ("token", "session", "key", "subject", "client", "grant", "audience", "all")


class RevocationRecord(NamedTuple):
    """One revocation, as it stands in the log of the authorization server.

    `n` is its place in the log. `scope` says what `value` names: `token` a `jti`, `session` a `sid`, `key` a
    `kid`, `subject` a `sub`, `client` a `client_id`, `grant` a `sub` and a `client_id` with a space between,
    `audience` an audience, `all` nothing (an empty string). After `drop_after`, in UTC seconds, every token
    that it could match has expired. `reason` is for people.
    """

    n: int
    scope: str
    value: str
    drop_after: int
    reason: str


class RevocationSet:
    """The revocations that can still match a living token. Applying and checking may happen on different
    threads.

    `applied` is the highest number in the log that this set has seen. That no number is missing is not
    checked here: whoever feeds the set knows.
    """

    def __init__(self) -> None:
        self.applied = 0
        self._tokens: dict[str, int] = {}
        self._sessions: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._subjects: dict[str, int] = {}
        self._clients: dict[str, int] = {}
        self._grants: dict[str, int] = {}
        self._audiences: dict[str, int] = {}
        self._all: dict[str, int] = {}
        self._by_scope = dict(
            zip(
                SCOPES,
                (
                    self._tokens,
                    self._sessions,
                    self._keys,
                    self._subjects,
                    self._clients,
                    self._grants,
                    self._audiences,
                    self._all,
                ),
                strict=True,
            )
        )
        # What to forget, the earliest first.
        self._droppable: list[tuple[int, int, str, str]] = []

    def __len__(self) -> int:
        return sum(map(len, self._by_scope.values()))

    def apply(self, records: Iterable[RevocationRecord]) -> None:
        """Take in records, by ascending number; those that were applied before change nothing.

        Raises:
            ConfigurationError: when a record has a scope that does not exist; then none of them was applied. A set
                that skipped what it does not understand would let through what was revoked.
        """
        new = sorted(record for record in records if record.n > self.applied)
        for record in new:
            if record.scope not in self._by_scope:
                raise ConfigurationError(
                    "A revocation has a scope that this version does not know; upgrade Tokenward.",
                    reason=f"unknown revocation scope in record {record.n}",
                )
        for record in new:
            self._by_scope[record.scope][record.value] = record.n
            # A revoked key stays revoked for ever: whoever has it can write any date into a new token.
            if record.scope != "key":
                heapq.heappush(self._droppable, (record.drop_after, record.n, record.scope, record.value))
            # Last, so that a reader who sees the number also finds the record.
            self.applied = record.n

    def drop_expired(self, now: float, *, limit: int | None = None) -> None:
        """Forget the records whose every token has expired at `now`, at most `limit` of them.

        Without a limit a million takes seconds, in which an event loop would serve nobody.
        """
        left = len(self._droppable) if limit is None else limit
        while left > 0 and self._droppable and self._droppable[0][0] < now:
            left -= 1
            _, n, scope, value = heapq.heappop(self._droppable)
            # A later record for the same value has its own time to go.
            if self._by_scope[scope].get(value) == n:
                del self._by_scope[scope][value]

    def check(self, token: AccessToken) -> None:
        """Refuse a revoked token. Every scope is asked, and any match refuses.

        A token, session or key that stands in the set is refused. The other scopes are cut-offs: they refuse
        the tokens whose session was last seen alive before the revocation, `rsq < n`. A token without `rsq`
        cannot show that it is younger than the cut-off, and is refused.

        Raises:
            InvalidToken: with `reason` "revoked: " and the scope.
        """
        if token.jti in self._tokens:
            raise InvalidToken(reason="revoked: token", claim="jti")
        if token.sid is not None and token.sid in self._sessions:
            raise InvalidToken(reason="revoked: session", claim="sid")
        if token.kid in self._keys:
            raise InvalidToken(reason="revoked: key")
        rsq = -1 if token.rsq is None else token.rsq
        # Zero is before the first record, so what is not revoked has a cut-off that no `rsq` is below.
        if self._subjects.get(token.sub, -1) > rsq:
            raise InvalidToken(reason="revoked: subject", claim="sub")
        if self._clients.get(token.client_id, -1) > rsq:
            raise InvalidToken(reason="revoked: client", claim="client_id")
        if self._grants and self._grants.get(f"{token.sub} {token.client_id}", -1) > rsq:
            raise InvalidToken(reason="revoked: grant", claim="sub")
        if self._audiences and max(self._audiences.get(name, -1) for name in token.aud) > rsq:
            raise InvalidToken(reason="revoked: audience", claim="aud")
        # Another thread may forget the last one between a question and a look-up.
        if self._all and max(self._all.values(), default=-1) > rsq:
            raise InvalidToken(reason="revoked: all")
