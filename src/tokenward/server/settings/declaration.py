"""Every setting, declared once: type, default, bounds, unit, meaning. Reference and checks come from here."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias, get_type_hints

import msgspec

from tokenward.server.settings.about import About

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Algorithm: TypeAlias = Literal["ES256", "RS256", "HS256", "Ed25519"]
Registration: TypeAlias = Literal["open", "closed"]
SocketMode: TypeAlias = Literal["0660", "0600"]
ProxyHeader: TypeAlias = Literal["X-Forwarded-For", "Forwarded"]

VARIABLE_PREFIX = "TOKENWARD_"

_DAY = 86400


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one server, checked: `load_settings` builds it, and tests may build it directly.

    A value given straight to the constructor is not checked.
    """

    # Identity
    issuer: Annotated[
        str,
        About(
            "The `iss` of every token and the address under which clients reach this server: an `https` URL "
            "without query and fragment. Compared byte by byte, so a slash at its end counts.",
            default_text="required; under `dev`, `http://127.0.0.1:PORT`",
            example='"https://auth.example.com"',
        ),
    ] = ""
    audience: Annotated[
        str,
        About(
            "The `aud` of access tokens: the API that they are for.",
            default_text="the issuer",
            example='"https://api.example.com"',
        ),
    ] = ""

    # Where it runs
    data: Annotated[
        Path,
        About(
            "The folder that holds the database and, if you like, `tokenward.toml`.",
            example='"/var/lib/tokenward"',
        ),
    ] = Path("tokenward-data")
    host: Annotated[
        str,
        About(
            "The address to listen on. Other than loopback only with `tls_cert`, or behind `trusted_proxies`.",
            example='"::1"',
        ),
    ] = "127.0.0.1"
    port: Annotated[int, About("The port to listen on; 0 lets the system choose one.", 0, 65535)] = 8080
    uds: Annotated[
        Path | None,
        About(
            "A Unix socket to listen on instead of `host` and `port`. Whoever may open it is trusted as a proxy.",
            default_text="none",
            example='"/run/tokenward/http.sock"',
        ),
    ] = None
    uds_mode: Annotated[SocketMode, About("Who may open the Unix socket: owner and group, or the owner.")] = (
        "0660"
    )
    tls_cert: Annotated[
        Path | None,
        About(
            "The certificate to serve TLS with, in PEM, those that issued it behind it. Read again when it changes.",
            default_text="none: plain HTTP",
            example='"/etc/tokenward/fullchain.pem"',
        ),
    ] = None
    tls_key: Annotated[
        Path | None,
        About(
            "The private key of that certificate, in PEM, which not everybody may read.",
            default_text="none",
            example='"/etc/tokenward/privkey.pem"',
        ),
    ] = None
    dev: Annotated[
        bool,
        About(
            "To try things on: plain HTTP on loopback; keys and an account are made. Never for real users."
        ),
    ] = False
    trusted_proxies: Annotated[
        tuple[Network, ...],
        About(
            "Networks of the proxies in front of this server; only they are believed when they say where a "
            "request came from.",
            default_text="none",
            example='["10.0.0.0/8"]',
        ),
    ] = ()

    proxy_header: Annotated[
        ProxyHeader,
        About("The header in which the proxies say it. The other one is never read: clients could write it."),
    ] = "X-Forwarded-For"
    browser_origins: Annotated[
        tuple[str, ...],
        About(
            "Origins of web pages, besides this server's own, that may call it from a browser and sign in by cookie.",
            default_text="none",
            example='["https://app.example.com"]',
        ),
    ] = ()
    drain_delay_seconds: Annotated[
        int,
        About(
            "After SIGTERM all is answered for so long while `/readyz` says 503, so that a load balancer looks away.",
            0,
            60,
            "seconds",
        ),
    ] = 0

    # Tokens and sessions
    access_token_algorithm: Annotated[
        Algorithm,
        About(
            "How access tokens are signed. `HS256` only where this server is the only verifier; `EdDSA` "
            "means `Ed25519`."
        ),
    ] = "ES256"  # noqa: S105 - the name of an algorithm
    access_token_seconds: Annotated[int, About("How long an access token lives.", 60, 3600, "seconds")] = 900
    refresh_idle_seconds: Annotated[
        int, About("A session that is not refreshed for so long ends.", 60, 3650 * _DAY, "seconds")
    ] = 30 * _DAY
    refresh_absolute_seconds: Annotated[
        int,
        About("A session ends so long after its sign-in, however it is used.", 60, 3650 * _DAY, "seconds"),
    ] = 90 * _DAY
    refresh_retry_seconds: Annotated[
        int,
        About(
            "For so long the previous refresh token gets the same successor again (a lost answer, two tabs).",
            0,
            300,
            "seconds",
        ),
    ] = 60
    clock_skew_seconds: Annotated[
        int,
        About(
            "How far the clocks of verifiers may differ from this server's; keys wait so much longer.",
            0,
            300,
            "seconds",
        ),
    ] = 60

    # Keys
    key_rotation_seconds: Annotated[
        int, About("A key signs for so long, then the next one does.", 1, 3650 * _DAY, "seconds")
    ] = 30 * _DAY
    jwks_max_age_seconds: Annotated[
        int, About("How long verifiers may keep the JWK Set without asking again.", 1, 7 * _DAY, "seconds")
    ] = 300
    jwks_stale_while_revalidate_seconds: Annotated[
        int,
        About(
            "How much longer a cache may answer with the old JWK Set while it fetches the new one.",
            0,
            7 * _DAY,
            "seconds",
        ),
    ] = 3600
    master_key: Annotated[
        str,
        About(
            "The key that seals all other keys in the database: 32 random bytes in base64 or hexadecimal.",
            default_text="none; under `dev`, a file in the data folder is made",
            secret=True,
        ),
    ] = ""
    master_key_file: Annotated[
        Path | None,
        About(
            "A file that holds the master key, readable by its owner only.",
            default_text="none",
            example='"/etc/tokenward/master.key"',
        ),
    ] = None
    master_key_command: Annotated[
        str,
        About(
            "A command that prints the master key: the way to a vault or a key management service.",
            default_text="none",
            example='"vault kv get -field=key secret/tokenward"',
        ),
    ] = ""
    master_key_previous: Annotated[
        str,
        About(
            "While the master key is being changed: the one of before, which still opens what it sealed.",
            default_text="none",
            secret=True,
        ),
    ] = ""
    master_key_previous_file: Annotated[
        Path | None,
        About(
            "A file that holds the master key of before, readable by its owner only.",
            default_text="none",
            example='"/etc/tokenward/master.key.previous"',
        ),
    ] = None
    master_key_previous_command: Annotated[
        str,
        About("A command that prints the master key of before.", default_text="none"),
    ] = ""

    # Accounts and passwords
    registration: Annotated[
        Registration,
        About("Whether anybody may create an account.", default_text='`"closed"`; under `dev`, `"open"`'),
    ] = "closed"
    password_min_length: Annotated[
        int,
        About(
            "The shortest password accepted. NIST SP 800-63B-4 asks for 15 where it is the only factor.",
            8,
            64,
            "characters",
        ),
    ] = 15
    argon2_memory_kib: Annotated[int, About("Memory that one password hash takes.", 8, 4194304, "KiB")] = (
        19456
    )
    argon2_time_cost: Annotated[int, About("Passes over that memory for one password hash.", 1, 100)] = 2
    argon2_processes: Annotated[
        int, About("Processes that hash passwords; 0 is one for each core.", 0, 256)
    ] = 0
    password_queue: Annotated[
        int,
        About(
            "Passwords that may wait for each of those processes; beyond, logins get 503 for a moment.",
            0,
            10000,
        ),
    ] = 32

    # Throttling
    login_burst: Annotated[
        int, About("Failed logins in a row for one account from one network.", 1, 1000000)
    ] = 10
    login_refill_seconds: Annotated[
        int, About("After so long one more of these is allowed.", 1, _DAY, "seconds")
    ] = 60
    login_unknown_burst: Annotated[
        int,
        About(
            "Failed logins in a row for one account from all networks that never signed in to it.", 1, 1000000
        ),
    ] = 100
    login_unknown_refill_seconds: Annotated[
        int, About("After so long one more of these is allowed.", 1, _DAY, "seconds")
    ] = 30
    login_network_burst: Annotated[
        int, About("Failed logins in a row from one network, for any account.", 1, 1000000)
    ] = 300
    login_network_refill_seconds: Annotated[
        int, About("After so long one more of these is allowed.", 1, _DAY, "seconds")
    ] = 2
    register_burst: Annotated[int, About("Registrations in a row from one network.", 1, 1000000)] = 30
    register_refill_seconds: Annotated[
        int, About("After so long one more of these is allowed.", 1, _DAY, "seconds")
    ] = 120

    # Requests
    max_body_bytes: Annotated[int, About("The largest request body accepted.", 1024, 16777216, "bytes")] = (
        65536
    )
    max_header_bytes: Annotated[int, About("The largest request head accepted.", 1024, 1048576, "bytes")] = (
        16384
    )
    header_timeout_seconds: Annotated[
        int, About("A request's head must arrive within this time.", 1, 600, "seconds")
    ] = 10
    body_timeout_seconds: Annotated[
        int, About("A request's body must arrive within this time.", 1, 600, "seconds")
    ] = 10
    keep_alive_seconds: Annotated[
        int, About("An idle connection is closed after this time.", 1, 3600, "seconds")
    ] = 65
    api_docs: Annotated[
        bool,
        About(
            "Whether `/openapi.json` describes the HTTP interface, and `/docs` shows it. Neither tells of this server."
        ),
    ] = True

    # Records
    access_log: Annotated[
        bool, About("Whether every request is logged (never its body, token or query).")
    ] = False
    metrics_networks: Annotated[
        tuple[Network, ...],
        About(
            "Networks that may read `/metrics`; for all others there is nothing at that path.",
            default_text="loopback",
            example='["10.0.0.0/8"]',
        ),
    ] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    slow_request_ms: Annotated[
        int, About("A request that takes longer is logged even so.", 1, 600000, "milliseconds")
    ] = 500
    tracing: Annotated[
        bool,
        About(
            "Whether requests are traced with OpenTelemetry, which must be installed (`tokenward[telemetry]`). Where "
            "traces go is said to OpenTelemetry itself."
        ),
    ] = False
    audit_retention_days: Annotated[int, About("How long audit rows are kept.", 1, 36500, "days")] = 400

    def __repr__(self) -> str:
        shown = (
            f"{name}={'***' if about.secret and getattr(self, name) else repr(getattr(self, name))}"
            for name, _, about in declared_settings()
        )
        return f"Settings({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [
            (name, "***" if about.secret else getattr(self, name)) for name, _, about in declared_settings()
        ]

    def listening_on(self, port: int) -> Self:
        """The same settings once the system has chosen the port (`port = 0`), also in the issuer of `dev`."""
        issuer, audience = (
            dev_issuer(port) if value == dev_issuer(self.port) else value
            for value in (self.issuer, self.audience)
        )
        return msgspec.structs.replace(self, port=port, issuer=issuer, audience=audience)


SECTIONS = {
    "issuer": "Identity",
    "data": "Where it runs",
    "access_token_algorithm": "Tokens and sessions",
    "key_rotation_seconds": "Keys",
    "registration": "Accounts and passwords",
    "login_burst": "Throttling",
    "max_body_bytes": "Requests",
    "access_log": "Records",
}
"""The first setting of each section of the reference, and the section's title."""


class Declared(NamedTuple):
    """One setting as declared."""

    name: str
    type: Any
    about: About


def declared_settings() -> list[Declared]:
    """All settings in the order in which they are declared."""
    return [
        Declared(name, hint.__origin__, hint.__metadata__[0])
        for name, hint in get_type_hints(Settings, include_extras=True).items()
        if name in Settings.__struct_fields__
    ]


def dev_issuer(port: int) -> str:
    """The issuer that `dev` uses unless one is set."""
    return f"http://127.0.0.1:{port}"
