"""Throttling: how often somebody may guess a password or register; a restart forgives no failure that was answered.

Owns: which buckets an attempt is charged to, and for how long an origin is known. Does not own: the buckets
themselves (`storage.rate_limits`), and the client's address behind a proxy (`server.endpoints`).

A bucket is leaky: it holds a burst, and drains one in so many seconds. An attempt takes its place *before* the
password is verified, in memory, so that many guesses sent at once cannot slip through while the first is still being
hashed. A failure is charged in the database before it is answered; a right password costs nothing. All buckets are
named by hashes, and an unknown login is charged like a known one.
"""

import contextlib
import hashlib
import ipaddress
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from tokenward.clock import Clock
from tokenward.errors import Error
from tokenward.protocol.errors import RATE_LIMITED
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import BucketRecord
from tokenward.server.storage.units import Change, Unit

_PREFIX_BITS = {4: 24, 6: 56}
_DAY_SECONDS = 86400
_LONGEST_LOGIN = 254


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

# Changes of one account by itself: a person needs a few at once, and each is a row in the audit log.
ACCOUNT_CHANGES = Limit(30, 60)

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
    """The place that an attempt to sign in takes in its buckets until `release` is called with this."""

    login_hash: bytes
    origin_hash: bytes
    own: bytes
    limits: Mapping[bytes, Limit]


class _Places:
    """The attempts under way in one bucket.

    `granted` counts every place given since this was made, and `looking` the attempts that still wait for what the
    database says: the count must not be forgotten under them.
    """

    __slots__ = ("granted", "looking", "under_way")

    def __init__(self) -> None:
        self.granted = 0
        self.looking = 0
        self.under_way = 0


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
        # One device alone can use up its own bucket first, however little the settings leave to strangers.
        self._from_devices = max(from_network, from_unknown)
        self._places: dict[bytes, _Places] = {}

    async def take(self, login: str, address: str, *, device: bytes | None = None) -> Taken:
        """Take a place for one attempt to sign in as `login`, as it was typed, from the IP address `address`.

        A `device` that has signed in as `login` before, which must have been verified, has a bucket of its own and
        fills no other that strangers could fill: neither those in its own network nor all the world can lock the owner
        out. All devices of a login share one more: who once knew the password, or had the name before, may have
        collected any number of marks, each of which would else be ten guesses. When that is full, a mark counts for
        nothing.

        Whole or not at all. `release` must follow, whatever comes of the attempt; and before that `failed` or
        `succeeded`, unless it was not decided. With several nodes each counts its own attempts under way.

        Raises:
            RateLimited: a bucket is full; the answer is the same whether or not the login exists.
        """
        origin = network_prefix(address)
        whose, origin_hash = login_hash(login), _hash("origin", origin)
        if device is not None:
            taken = await self._take_as_device(whose, origin_hash, device)
            if taken is not None:
                return taken
        own, network, unknown = (
            _hash("login-from-network", whose, origin_hash),
            _hash("network", origin),
            _hash("login-from-unknown", whose),
        )
        buckets = (own, network, unknown)
        with self._counting(buckets) as places:
            known, levels, others = await self._look(whose, origin_hash, buckets, places)
            # From here to the end nothing waits, so that no two can both get the last place.
            limits = {own: self._from_network, network: self._network}
            if not known:
                limits[unknown] = self._from_unknown
            self._check(limits, levels, others)
            return self._occupy(Taken(whose, origin_hash, own, limits), places)

    async def _take_as_device(self, whose: bytes, origin_hash: bytes, device: bytes) -> Taken | None:
        """A place for a device; `None` if all devices of this login have used up what they share.

        Raises:
            RateLimited: this device has used up its own.
        """
        own, shared = _hash("login-from-device", whose, device), _hash("login-from-devices", whose)
        buckets = (own, shared, shared)
        with self._counting((own, shared)) as places:
            _, levels, others = await self._look(whose, origin_hash, buckets, places)
            # From here to the end nothing waits, as in `take`.
            self._check({own: self._from_network}, levels, others)
            limits = {own: self._from_network, shared: self._from_devices}
            if self._wait_ms(limits, levels, others) > 0:
                return None
            return self._occupy(Taken(whose, origin_hash, own, limits), places)

    async def _look(
        self,
        whose: bytes,
        origin_hash: bytes,
        buckets: tuple[bytes, bytes, bytes],
        places: Mapping[bytes, _Places],
    ) -> tuple[bool, Mapping[bytes, BucketRecord], Mapping[bytes, int]]:
        """Whether the origin is known, how full each bucket is, and how many others are under way in it."""
        # A failure that the database does not show yet belongs to an attempt that is under way now, or to one that
        # gets its place while we look. Without both, guesses could slip through between place and charge.
        before = {bucket: entry.under_way - entry.granted for bucket, entry in places.items()}
        known, levels = await self._storage.rate_limits.find_throttle(whose, origin_hash, buckets)
        return known, levels, {bucket: before[bucket] + entry.granted for bucket, entry in places.items()}

    def _check(
        self, limits: Mapping[bytes, Limit], levels: Mapping[bytes, BucketRecord], others: Mapping[bytes, int]
    ) -> None:
        wait_ms = self._wait_ms(limits, levels, others)
        if wait_ms > 0:
            raise RateLimited(max(1, math.ceil(wait_ms / 1000)), reason="login throttled")

    def _wait_ms(
        self, limits: Mapping[bytes, Limit], levels: Mapping[bytes, BucketRecord], others: Mapping[bytes, int]
    ) -> int:
        return _wait_ms(limits, levels, others, now_ms=int(self._clock.now() * 1000))

    def _occupy(self, taken: Taken, places: Mapping[bytes, _Places]) -> Taken:
        for bucket in taken.limits:
            places[bucket].granted += 1
            places[bucket].under_way += 1
        return taken

    def release(self, taken: Taken) -> None:
        """The attempt is over."""
        for bucket in taken.limits:
            self._places[bucket].under_way -= 1
            self._forget_unused(bucket)

    def failed(self, taken: Taken) -> tuple[Change, ...]:
        """The changes for the unit that notes the failure: it is charged to every bucket that has room."""
        return tuple(
            # Another node may have filled the bucket meanwhile; that must not keep the others from being charged.
            change._replace(expects=None)
            for change in _charges(self._storage, self._clock, taken.limits)
        )

    def succeeded(self, taken: Taken) -> tuple[Change, ...]:
        """The changes for the unit that starts the session: failures of before are forgiven, the origin is known."""
        store = self._storage.rate_limits
        return (
            store.clear(taken.own),
            store.remember_origin(taken.login_hash, taken.origin_hash, int(self._clock.now())),
        )

    async def sweep(self, limit: int) -> int:
        """Delete at most `limit` buckets that are empty, and as many origins that were not seen for long; how many."""
        now = self._clock.now()
        store = self._storage.rate_limits
        changes = (
            store.sweep(now_ms=int(now * 1000), limit=limit),
            store.sweep_origins(before=int(now) - ORIGIN_KEPT_DAYS * _DAY_SECONDS, limit=limit),
        )
        return max((await self._storage.apply(Unit("sweep_rate_limits", changes))).counts)

    @contextlib.contextmanager
    def _counting(self, buckets: tuple[bytes, ...]) -> Iterator[dict[bytes, _Places]]:
        places = {bucket: self._places.setdefault(bucket, _Places()) for bucket in buckets}
        for entry in places.values():
            entry.looking += 1
        try:
            yield places
        finally:
            for bucket, entry in places.items():
                entry.looking -= 1
                self._forget_unused(bucket)

    def _forget_unused(self, bucket: bytes) -> None:
        entry = self._places[bucket]
        if not entry.looking and not entry.under_way:
            del self._places[bucket]


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
        bucket = _hash("registration", network_prefix(address))
        await _take_or_refuse(self._storage, self._clock, bucket, self._limit, "registration throttled")


class ChangeThrottle:
    """Charges changes that a signed-in client makes to its account, so that it cannot fill the audit log."""

    def __init__(self, storage: Storage, clock: Clock, *, limit: Limit = ACCOUNT_CHANGES) -> None:
        self._storage = storage
        self._clock = clock
        self._limit = limit

    async def take(self, sub: str, kind: str) -> None:
        """Charge one change of this kind (`profile`, `password`) of the account `sub`, whether or not it comes about.

        Each kind has a bucket of its own: whoever stole an access token can fill that of the profile, and must not
        keep the owner from changing the password thereby.

        Raises:
            RateLimited: the bucket is full.
        """
        bucket = _hash("account-changes", kind, sub)
        await _take_or_refuse(self._storage, self._clock, bucket, self._limit, "account changes throttled")


def login_hash(login: str) -> bytes:
    """The hash (32 bytes) that a login has in buckets and marks, however it was typed."""
    return _hash("login", _fold(login))


async def find_known_networks(storage: Storage, logins: Iterable[str], limit: int) -> tuple[int, ...]:
    """When each network last signed in with one of these e-mail addresses and user names; at most `limit` of each."""
    return tuple(
        [
            seen_at
            for login in logins
            for seen_at in await storage.rate_limits.origins(login_hash(login), limit)
        ]
    )


def forget_logins(storage: Storage, logins: Iterable[str]) -> tuple[Change, ...]:
    """The changes that forget from which networks these e-mail addresses and user names signed in.

    Their buckets are left: they are named by hashes, drain within the hour, and forgiving failures helps a guesser.
    """
    return tuple(storage.rate_limits.forget_origins(login_hash(login)) for login in logins)


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


async def _take_or_refuse(storage: Storage, clock: Clock, bucket: bytes, limit: Limit, reason: str) -> None:
    limits = {bucket: limit}
    if (await storage.apply(Unit("charge", _charges(storage, clock, limits)))).applied:
        return
    level = await storage.rate_limits.find_level(bucket)
    levels = {} if level is None else {bucket: level}
    wait_ms = _wait_ms(limits, levels, {}, now_ms=int(clock.now() * 1000))
    raise RateLimited(max(1, math.ceil(wait_ms / 1000)), reason=reason)


def _charges(storage: Storage, clock: Clock, limits: Mapping[bytes, Limit]) -> tuple[Change, ...]:
    now_ms = int(clock.now() * 1000)
    return tuple(
        storage.rate_limits.take(bucket, now_ms, limit.burst, limit.refill_seconds * 1000)
        for bucket, limit in limits.items()
    )


def _wait_ms(
    limits: Mapping[bytes, Limit],
    levels: Mapping[bytes, BucketRecord],
    others: Mapping[bytes, int],
    *,
    now_ms: int,
) -> int:
    """Milliseconds until every bucket has room for one more beside the others under way; 0 when they have now."""
    wait_ms = 0
    for bucket, limit in limits.items():
        capacity = limit.burst - others.get(bucket, 0)
        level = levels.get(bucket)
        if capacity <= 0:
            # Full of attempts that are not decided yet; each of them either goes or drains.
            wait_ms = max(wait_ms, 1)
        elif level is not None and not _is_of_another_clock(level, limit, now_ms):
            wait_ms = max(wait_ms, level.wait_ms(now_ms=now_ms, capacity=capacity))
    return wait_ms


def _is_of_another_clock(level: BucketRecord, limit: Limit, now_ms: int) -> bool:
    # As `rate_limits.take` in the storage has it: nobody is locked out until a clock that was set back has caught up.
    return level.empty_at_ms - now_ms > 2 * limit.burst * limit.refill_seconds * 1000 + 1000


def _fold(login: str) -> str:
    # As accounts compare logins, so that no spelling of the same login gets a bucket of its own.
    # Normalising takes time that grows with the square of a run of combining marks, so what is too long to be anybody's
    # login is charged as it was typed.
    if len(login) > _LONGEST_LOGIN:
        return login
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login).casefold())


def _hash(kind: str, *parts: str | bytes) -> bytes:
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        # A login may hold half of a surrogate pair; it is nobody's and is charged like any other.
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()
