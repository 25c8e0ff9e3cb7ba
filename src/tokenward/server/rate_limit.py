"""Throttling: how often somebody may guess a password or register; a restart forgives nothing.

Owns: which buckets an attempt is charged to, and for how long an origin is known. Does not own: the buckets
themselves (`storage.rate_limits`), and the client's address behind a proxy (`server.endpoints`).

A bucket is leaky: it holds a burst, and drains one in so many seconds. An attempt is charged *before* the
password is verified and given back when it was right, so that many guesses sent at once cannot slip through
while the first is still being hashed. All buckets are named by hashes, and an unknown login is charged like a
known one.
"""

import hashlib
import ipaddress
import math
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from tokenward.clock import Clock
from tokenward.errors import Error
from tokenward.protocol.errors import RATE_LIMITED
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.units import Change, Unit

_PREFIX_BITS = {4: 24, 6: 56}
_DAY_SECONDS = 86400


class Limit(NamedTuple):
    """A bucket's size: `burst` attempts at once, then one in `refill_seconds`."""

    burst: int
    refill_seconds: int


# Guesses at one account from one network. Whoever forgot a password gives up earlier.
LOGIN_FROM_NETWORK = Limit(10, 60)
# Guesses at one account from all networks that never signed in to it: a botnet has many of those.
LOGIN_FROM_UNKNOWN = Limit(100, 30)
# Guesses from one network at any account: one password tried on many.
NETWORK = Limit(300, 2)
REGISTRATION_FROM_NETWORK = Limit(30, 120)

# An origin that did not sign in for so long is a stranger again.
ORIGIN_KEPT_DAYS = 180


class RateLimited(Error):
    """There were too many attempts; this one was not looked at."""

    code = RATE_LIMITED
    status = 429

    def __init__(self, retry_after_seconds: int, *, reason: str = "") -> None:
        super().__init__(
            f"There were too many attempts. Try again in {retry_after_seconds} seconds.", reason=reason
        )
        self.retry_after_seconds = retry_after_seconds


class Taken(NamedTuple):
    """What an attempt to sign in was charged to; give it to `succeeded` or `give_back`, or let it count."""

    login_hash: bytes
    origin_hash: bytes
    own: bytes
    shared: tuple[bytes, ...]


class LoginThrottle:
    """Charges attempts to sign in.

    A network that has signed in to an account before is not charged for what strangers do to that account, so
    that they cannot lock its owner out. Settings give the limits; `burst` must be at least the number of
    sign-ins that one person may have under way at once.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        *,
        from_network: Limit = LOGIN_FROM_NETWORK,
        from_unknown: Limit = LOGIN_FROM_UNKNOWN,
        network: Limit = NETWORK,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._from_network = from_network
        self._from_unknown = from_unknown
        self._network = network

    async def take(self, login: str, address: str) -> Taken:
        """Charge one attempt to sign in as `login`, as it was typed, from the IP address `address`.

        Whole or not at all: a refused attempt is charged to no bucket.

        Raises:
            RateLimited: a bucket is full; the answer is the same whether or not the login exists.
        """
        origin = network_prefix(address)
        login_hash, origin_hash = _hash("login", _fold(login)), _hash("origin", origin)
        own = _hash("login-from-network", login_hash, origin_hash)
        limits = {own: self._from_network, _hash("network", origin): self._network}
        if not await self._storage.rate_limits.find_origin(login_hash, origin_hash):
            limits[_hash("login-from-unknown", login_hash)] = self._from_unknown
        await _take(self._storage, self._clock, "charge_login", limits)
        return Taken(login_hash, origin_hash, own, tuple(bucket for bucket in limits if bucket != own))

    def succeeded(self, taken: Taken) -> tuple[Change, ...]:
        """The changes for the unit that starts the session: nothing is charged, the origin is remembered."""
        store = self._storage.rate_limits
        return (
            store.clear(taken.own),
            *(store.give_back(bucket) for bucket in taken.shared),
            store.remember_origin(taken.login_hash, taken.origin_hash, int(self._clock.now())),
        )

    async def give_back(self, taken: Taken) -> None:
        """Undo the charge of an attempt that was not decided, such as one refused by a full server."""
        store = self._storage.rate_limits
        changes = tuple(store.give_back(bucket) for bucket in (taken.own, *taken.shared))
        await self._storage.apply(Unit("give_back_login", changes))

    async def sweep(self, limit: int) -> None:
        """Delete at most `limit` buckets that are empty, and as many origins that were not seen for long."""
        now = self._clock.now()
        store = self._storage.rate_limits
        changes = (
            store.sweep(now_ms=int(now * 1000), limit=limit),
            store.sweep_origins(before=int(now) - ORIGIN_KEPT_DAYS * _DAY_SECONDS, limit=limit),
        )
        await self._storage.apply(Unit("sweep_rate_limits", changes))


class RegistrationThrottle:
    """Charges attempts to register to the network they come from, whether or not an account comes of it."""

    def __init__(self, storage: Storage, clock: Clock, *, limit: Limit = REGISTRATION_FROM_NETWORK) -> None:
        self._storage = storage
        self._clock = clock
        self._limit = limit

    async def take(self, address: str) -> None:
        """Charge one registration from the IP address `address`.

        Raises:
            RateLimited: the bucket is full.
        """
        limits = {_hash("registration", network_prefix(address)): self._limit}
        await _take(self._storage, self._clock, "charge_registration", limits)


@lru_cache(maxsize=4096)
def network_prefix(address: str) -> str:
    """The network that one household or office has: IPv4 /24, IPv6 /56; what is no IP address stays as it is.

    Whoever has one IPv6 address has 2**64 and more of them, so single addresses count for nothing.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, _PREFIX_BITS[parsed.version]), strict=False))


async def _take(storage: Storage, clock: Clock, name: str, limits: dict[bytes, Limit]) -> None:
    now_ms = int(clock.now() * 1000)
    changes = tuple(
        storage.rate_limits.take(bucket, now_ms, limit.burst, limit.refill_seconds * 1000)
        for bucket, limit in limits.items()
    )
    outcome = await storage.apply(Unit(name, changes))
    if outcome.applied:
        return
    wait_ms = 0
    for bucket, limit in limits.items():
        level = await storage.rate_limits.find_level(bucket)
        if level is not None:
            wait_ms = max(wait_ms, level.wait_ms(now_ms=now_ms, capacity=limit.burst))
    raise RateLimited(max(1, math.ceil(wait_ms / 1000)), reason=f"{name} was refused")


def _fold(login: str) -> str:
    # As accounts compare logins, so that no spelling of the same login gets a bucket of its own.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login).casefold())


def _hash(kind: str, *parts: str | bytes) -> bytes:
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        # A login may hold half of a surrogate pair; it is nobody's and is charged like any other.
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()
