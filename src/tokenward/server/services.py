"""The composition root: settings in, services out. With `app`, the only place that knows every room."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError
from tokenward.server.accounts.accounts import Accounts
from tokenward.server.accounts.erasure import Erasure
from tokenward.server.accounts.export import Export
from tokenward.server.accounts.password_change import PasswordChange
from tokenward.server.accounts.password_hasher import PasswordHasher
from tokenward.server.accounts.passwords import PasswordRules
from tokenward.server.audit import Audit
from tokenward.server.endpoints.security import BearerGuard
from tokenward.server.keyring.ring import KeyRing
from tokenward.server.keyring.rotation import Rotation, RotationPolicy
from tokenward.server.keyring.wrapping import HOW_TO_MAKE_ONE, MasterKey
from tokenward.server.login import Login
from tokenward.server.rate_limit import ChangeThrottle, Limit, LoginThrottle, RegistrationThrottle
from tokenward.server.revocation.log import LONGEST_TOKEN_SECONDS, RevocationLog
from tokenward.server.sessions.directory import SessionDirectory
from tokenward.server.sessions.keeping import SessionKeeping
from tokenward.server.sessions.sessions import RefreshPolicy, Sessions
from tokenward.server.settings import Settings
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.migrate import check_migrated, known_migrations, migrate, plan
from tokenward.server.storage.sqlite import SQLiteStorage, open_sqlite
from tokenward.server.token_issuer import TokenIssuer
from tokenward.tokens.access_token import AccessToken
from tokenward.tokens.verifier import TokenVerifier

DATABASE = "tokenward.db"
DEV_MASTER_KEY = "master.key"
# A server reads the ring once a second, so a new key may be missing from the JWK Set it serves for so long.
RING_READ_SECONDS = 2
_NO_ISSUER = "urn:tokenward:no-issuer"

# A command's clock may differ from the server's by this much before somebody has to look at it.
_CLOCK_SET_BACK_SECONDS = 300


class ClockSetBack(ConfigurationError):
    """This machine's clock is behind what the database has seen.

    Going on would bring expired sessions and dropped revocations back to life.
    """


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything that commands and endpoints use, built for one database."""

    settings: Settings
    clock: Clock
    storage: Storage
    ring: KeyRing
    rotation: Rotation
    revocations: RevocationLog
    audit: Audit
    accounts: Accounts
    erasure: Erasure
    export: Export
    sessions: Sessions
    session_directory: SessionDirectory
    login: Login
    login_throttle: LoginThrottle
    change_throttle: ChangeThrottle
    verifier: TokenVerifier[AccessToken]
    guard: BearerGuard
    hasher: PasswordHasher
    token_issuer: TokenIssuer


def database_path(settings: Settings) -> Path:
    """Where the database of these settings is."""
    return settings.data / DATABASE


def load_master_key(settings: Settings) -> MasterKey:
    """The master key, from the one place that the settings name; under `dev`, from a file made beside the database.

    While it is being changed it opens as well what the previous one sealed, if the settings name that too.

    Raises:
        ConfigurationError: none is named, or what is named holds none.
    """
    master_key = _current_master_key(settings)
    if settings.master_key_previous:
        master_key.accept_previous(
            MasterKey.parse(settings.master_key_previous, "TOKENWARD_MASTER_KEY_PREVIOUS")
        )
    elif settings.master_key_previous_file is not None:
        master_key.accept_previous(MasterKey.from_file(settings.master_key_previous_file))
    elif settings.master_key_previous_command:
        master_key.accept_previous(MasterKey.from_command(settings.master_key_previous_command))
    return master_key


def publish_seconds(settings: Settings) -> int:
    """How long a verifier may go without seeing a new key."""
    return (
        settings.jwks_max_age_seconds
        + settings.jwks_stale_while_revalidate_seconds
        + settings.clock_skew_seconds
        + RING_READ_SECONDS
    )


def _current_master_key(settings: Settings) -> MasterKey:
    if settings.master_key:
        return MasterKey.parse(settings.master_key, "TOKENWARD_MASTER_KEY")
    if settings.master_key_file is not None:
        return MasterKey.from_file(settings.master_key_file)
    if settings.master_key_command:
        return MasterKey.from_command(settings.master_key_command)
    beside = settings.data / DEV_MASTER_KEY
    if settings.dev:
        return MasterKey.from_new_or_existing_file(beside)
    if beside.exists():
        # A command on the data folder of `serve --dev` finds the key that was made there.
        return MasterKey.from_file(beside)
    msg = (
        "There is no master key, which seals all other keys in the database. Set TOKENWARD_MASTER_KEY, "
        f"master_key_file or master_key_command; {HOW_TO_MAKE_ONE}"
    )
    raise ConfigurationError(msg)


def prepare_data(settings: Settings) -> None:
    """Make the data folder and a fresh database where there is none; look whether an existing one fits.

    Raises:
        ConfigurationError: the folder cannot be used, or the database needs `tokenward migrate` first.
    """
    path = database_path(settings)
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = settings.data / f".probe-{id(settings)}"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        msg = f"The data folder {settings.data} cannot be written: {error.strerror}. Name another one with --data."
        raise ConfigurationError(msg) from None
    # A first start that was killed leaves a file in which nothing is; it is as good as none.
    if settings.dev or plan(path) == known_migrations():
        migrate(path)
    else:
        check_migrated(path)


@contextlib.asynccontextmanager
async def open_services(
    settings: Settings, *, serving: bool, create: bool = True, clock: Clock | None = None
) -> AsyncIterator[Services]:
    """Open the database of `settings` and build every service on it.

    With `serving`, this process is the one server of the database file; without, a command beside it. Without
    `create`, a database that is not there is an error, so that a mistyped folder is not made.

    Raises:
        ConfigurationError: a setting, the master key, the data folder or the clock is wrong.
    """
    clock = clock or SystemClock()
    if not create and not database_path(settings).exists():
        msg = f"There is no database in {settings.data}. Name the data folder of the server with --data."
        raise ConfigurationError(msg)
    # A command that runs beside a server traces nothing.
    kinds = _kinds(settings) if serving else _Kinds()
    # Before the folder is made: a server that cannot start leaves nothing behind. Under `dev` the key lies in it.
    master_key = None if settings.dev else load_master_key(settings)
    prepare_data(settings)
    master_key = master_key or load_master_key(settings)
    storage = await open_sqlite(database_path(settings), exclusive=serving, clock=clock, kind=kinds.storage)
    hasher = None
    try:
        hasher = kinds.hasher(
            memory_kib=settings.argon2_memory_kib,
            time_cost=settings.argon2_time_cost,
            processes=settings.argon2_processes,
            waiting_for_each=settings.password_queue,
            clock=clock,
        )
        services = _build(settings, clock, storage, master_key, hasher, kinds.token_issuer)
        await services.ring.catch_up(await storage.position())
        await check_clock(services)
        if serving:
            # A command may not see the server's settings, so it leaves the keys as they are unless it is asked.
            await services.rotation.run_due()
        await services.guard.catch_up()
        yield services
    finally:
        if hasher is not None:
            hasher.close()
        await storage.close()


def _build(
    settings: Settings,
    clock: Clock,
    storage: Storage,
    master_key: MasterKey,
    hasher: PasswordHasher,
    issuer_kind: type[TokenIssuer],
) -> Services:
    audit = Audit(storage.audit, master_key)
    ring = KeyRing(storage.keys, master_key)
    revocations = RevocationLog(storage, clock)
    rotation = Rotation(
        storage=storage,
        ring=ring,
        master_key=master_key,
        audit=audit,
        record_revocation=revocations.record,
        clock=clock,
        policy=RotationPolicy(
            algorithm=settings.access_token_algorithm,
            longest_token_seconds=LONGEST_TOKEN_SECONDS,
            rotation_seconds=settings.key_rotation_seconds,
            publish_seconds=publish_seconds(settings),
            clock_skew_seconds=settings.clock_skew_seconds,
            refresh_absolute_seconds=settings.refresh_absolute_seconds,
        ),
    )
    accounts = Accounts(
        storage,
        hasher,
        PasswordRules(
            min_length=settings.password_min_length,
            service_words=("tokenward", urlsplit(settings.issuer).hostname or ""),
        ),
        audit,
        revocations,
        clock,
    )
    policy = RefreshPolicy(
        settings.refresh_idle_seconds, settings.refresh_absolute_seconds, settings.refresh_retry_seconds
    )
    sessions = Sessions(
        storage=storage,
        ring=ring,
        audit=audit,
        revocations=revocations,
        clock=clock,
        policy=policy,
    )
    verifier = TokenVerifier(
        # A command beside a server may not see the server's issuer, and verifies nothing with this.
        issuer=settings.issuer or _NO_ISSUER,
        audience=settings.audience or _NO_ISSUER,
        keys=ring.verification_keys,
        clock=clock,
        # The clock that judges a token is the one that dated it.
        leeway_seconds=0,
        revocations=revocations.revoked,
    )
    login_throttle = LoginThrottle(
        storage,
        clock,
        from_network=Limit(settings.login_burst, settings.login_refill_seconds),
        from_unknown=Limit(settings.login_unknown_burst, settings.login_unknown_refill_seconds),
        network=Limit(settings.login_network_burst, settings.login_network_refill_seconds),
    )
    change_throttle = ChangeThrottle(storage, clock)
    token_issuer = issuer_kind(
        issuer=settings.issuer,
        ring=ring,
        algorithm=settings.access_token_algorithm,
        access_token_seconds=settings.access_token_seconds,
    )
    login = Login(
        storage=storage,
        accounts=accounts,
        hasher=hasher,
        login_throttle=login_throttle,
        registration_throttle=RegistrationThrottle(
            storage, clock, limit=Limit(settings.register_burst, settings.register_refill_seconds)
        ),
        sessions=sessions,
        password_change=PasswordChange(
            storage=storage,
            accounts=accounts,
            hasher=hasher,
            login_throttle=login_throttle,
            change_throttle=change_throttle,
            keeping=SessionKeeping(storage=storage, ring=ring, policy=policy),
            revocations=revocations,
            audit=audit,
            clock=clock,
        ),
        token_issuer=token_issuer,
        audit=audit,
        clock=clock,
        audience=settings.audience,
        registration_open=settings.registration == "open",
    )
    return Services(
        settings=settings,
        clock=clock,
        storage=storage,
        ring=ring,
        rotation=rotation,
        revocations=revocations,
        audit=audit,
        accounts=accounts,
        erasure=Erasure(storage=storage, audit=audit, revocations=revocations, clock=clock),
        export=Export(storage=storage, audit=audit),
        sessions=sessions,
        session_directory=SessionDirectory(storage=storage, sessions=sessions, clock=clock),
        login=login,
        login_throttle=login_throttle,
        change_throttle=change_throttle,
        verifier=verifier,
        guard=BearerGuard(verifier=verifier, ring=ring, revocations=revocations),
        hasher=hasher,
        token_issuer=token_issuer,
    )


class _Kinds(NamedTuple):
    """What is made of what takes long: the plain kinds, or those that trace it."""

    storage: type[SQLiteStorage] = SQLiteStorage
    hasher: type[PasswordHasher] = PasswordHasher
    token_issuer: type[TokenIssuer] = TokenIssuer


def _kinds(settings: Settings) -> _Kinds:
    """What a server is made of.

    Raises:
        ConfigurationError: it is to trace, and OpenTelemetry is not installed.
    """
    if not settings.tracing:
        return _Kinds()
    try:
        from tokenward.server.tracing import TracedHasher, TracedStorage, TracedTokenIssuer
    except ImportError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        msg = "tracing = true needs OpenTelemetry; install it with: pip install 'tokenward[telemetry]'"
        raise ConfigurationError(msg) from None
    return _Kinds(TracedStorage, TracedHasher, TracedTokenIssuer)


async def check_clock(services: Services) -> None:
    """See that this machine's clock is not behind what the database has seen.

    Raises:
        ClockSetBack: it is, by more than five minutes.
    """
    newest = await services.storage.audit.newest_at()
    behind = (newest or 0) - int(services.clock.now())
    if behind > _CLOCK_SET_BACK_SECONDS:
        msg = (
            f"The clock of this machine is {behind} seconds behind the newest entry in the database. Going on would "
            "bring expired sessions back to life. Set the clock right (is time synchronisation running?)."
        )
        raise ClockSetBack(msg)
