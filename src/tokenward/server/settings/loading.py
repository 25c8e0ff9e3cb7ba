"""Loading settings: from defaults, a TOML file, variables and flags, each stronger than the one before."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from tokenward.errors import ConfigurationError
from tokenward.server.settings.declaration import (
    VARIABLE_PREFIX,
    Declared,
    Settings,
    declared_settings,
    dev_issuer,
)
from tokenward.server.settings.origins import why_refused
from tokenward.server.settings.values import Given, Source, convert, refuse

CONFIG_FILE = "tokenward.toml"

_CONFIG_VARIABLE = VARIABLE_PREFIX + "CONFIG"
# Read by the loader and by the test suite; no settings, and no spelling mistakes either.
_OTHER_VARIABLES = frozenset({_CONFIG_VARIABLE, VARIABLE_PREFIX + "REQUIRE_ALL"})
_DEFAULT = Source("default")
_MAX_IDENTIFIER = 255
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


def load_settings(
    *,
    environment: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
    config: Path | None = None,
    serving: bool = True,
) -> Settings:
    """The settings, each from the strongest place that gives it: flag, variable, TOML file, default.

    `environment` is the process's; a variable that is empty counts as not set. `flags` maps names of settings
    to values, `None` for a flag that was not given. `config` is the TOML file; without it that of the
    variable `TOKENWARD_CONFIG`, or `tokenward.toml` in the data folder where there is one. With `serving`
    off, what only a server needs is not asked for (an issuer, a listener that is safe), so that a command
    runs beside a server that got those by flags.

    Does not touch the data folder or the port, and does not read the master key: they fail where they are
    used.

    Raises:
        ConfigurationError: a setting is wrong, unknown, or does not fit to another.
    """
    known = {declared.name: declared for declared in declared_settings()}
    given = _from_variables(known, environment) | _from_flags(known, flags or {})
    if config is None and environment.get(_CONFIG_VARIABLE):
        config = Path(environment[_CONFIG_VARIABLE])
    if config is not None:
        given = _from_file(known, config) | given
    else:
        data = convert(known["data"], given["data"]) if "data" in given else Settings().data
        if (data / CONFIG_FILE).exists():
            given = _from_data_folder(known, data / CONFIG_FILE) | given
    settings = Settings(**{name: convert(known[name], written) for name, written in given.items()})
    settings = _complete(settings, given)
    _Checks(settings, known, given).check(serving=serving)
    return settings


def check_settings(settings: Settings) -> Settings:
    """Settings that a program built by itself, completed and checked as `load_settings` does for a server.

    Registration stays as it is, also under `dev`. What was loaded comes back as it was.

    Raises:
        ConfigurationError: a setting is wrong, or does not fit to another.
    """
    known = {declared.name: declared for declared in declared_settings()}
    default = Settings()
    given = {
        name: Given(getattr(settings, name), Source("code"))
        for name in known
        if name == "registration" or getattr(settings, name) != getattr(default, name)
    }
    settings = Settings(**{name: convert(known[name], written) for name, written in given.items()})
    settings = _complete(settings, given)
    _Checks(settings, known, given).check(serving=True)
    return settings


def _from_variables(known: Mapping[str, Declared], environment: Mapping[str, str]) -> dict[str, Given]:
    given = {}
    for variable, value in environment.items():
        if not variable.startswith(VARIABLE_PREFIX) or variable in _OTHER_VARIABLES:
            continue
        name = variable.removeprefix(VARIABLE_PREFIX).lower()
        if name not in known or variable != variable.upper():
            names = {setting: VARIABLE_PREFIX + setting.upper() for setting in (*known, "config")}
            raise _unknown(f"the variable {variable}", name, names)
        if value:
            given[name] = Given(value, Source("variable"))
    return given


def _from_flags(known: Mapping[str, Declared], flags: Mapping[str, object]) -> dict[str, Given]:
    given = {}
    for name, value in flags.items():
        if name not in known:
            raise _unknown(f"the flag {name}", name, {setting: setting for setting in known})
        if value is not None:
            given[name] = Given(value, Source("flag"))
    return given


def _from_data_folder(known: Mapping[str, Declared], path: Path) -> dict[str, Given]:
    given = _from_file(known, path)
    if "data" in given:
        msg = f"data (in the file {path}) cannot be set there: that file lies in it. Remove the line."
        raise ConfigurationError(msg, reason="wrong setting data")
    return given


def _from_file(known: Mapping[str, Declared], path: Path) -> dict[str, Given]:
    given = {}
    for name, value in _read(path).items():
        if name not in known:
            what = "the table" if isinstance(value, dict) else "the setting"
            raise _unknown(
                f"{what} {name!r} in the file {path}", name, {setting: setting for setting in known}
            )
        if known[name].about.secret:
            msg = (
                f"{name} (in the file {path}) is a secret, and settings files are copied and committed. Put "
                f"it into the variable {VARIABLE_PREFIX}{name.upper()}, or into a file named by {name}_file."
            )
            raise ConfigurationError(msg, reason=f"wrong setting {name}")
        given[name] = Given(value, Source("file", path))
    return given


def _read(path: Path) -> dict[str, Any]:
    # Only where there is a file: a server that is set by variables starts without it.
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"The settings file {path} cannot be read: {error.strerror}."
    except UnicodeDecodeError:
        msg = f"The settings file {path} is not UTF-8 text."
    except tomllib.TOMLDecodeError as error:
        msg = f"The settings file {path} is not TOML: {error}. Settings look like this: port = 8080"
    raise ConfigurationError(msg, reason="settings file") from None


def _unknown(what: str, name: str, names: Mapping[str, str]) -> ConfigurationError:
    """`names` gives for each setting how it is written in the place where the unknown `name` was found."""
    import difflib

    nearest = difflib.get_close_matches(name, names, n=1)
    hint = (
        f"Did you mean {names[nearest[0]]}?" if nearest else "The reference of settings lists all there are."
    )
    return ConfigurationError(f"Tokenward does not know {what}. {hint}", reason=f"unknown setting {name}")


def _complete(settings: Settings, given: Mapping[str, Given]) -> Settings:
    """Fill in what depends on other settings."""
    if settings.dev and "registration" not in given:
        settings = msgspec.structs.replace(settings, registration="open")
    if settings.dev and not settings.issuer:
        settings = msgspec.structs.replace(settings, issuer=dev_issuer(settings.port))
    if not settings.audience:
        settings = msgspec.structs.replace(settings, audience=settings.issuer)
    return settings


class _Checks:
    """The rules that look at more than the form of one value."""

    def __init__(self, settings: Settings, known: Mapping[str, Declared], given: Mapping[str, Given]) -> None:
        self._settings = settings
        self._known = known
        self._given = given

    def check(self, *, serving: bool) -> None:
        if self._settings.issuer:
            self._check_issuer()
        if len(self._settings.audience) > _MAX_IDENTIFIER:
            self._refuse("audience", f"have at most {_MAX_IDENTIFIER} characters")
        self._check_host()
        self._check_proxies()
        self._check_browser_origins()
        self._check_lengths()
        self._check_master_key()
        if serving:
            if not self._settings.issuer:
                self._refuse("issuer", "be set: the https address under which clients reach this server")
            self._check_tls()
            self._check_listener()

    def _refuse(self, name: str, must: str, *, example: str = "") -> None:
        given = self._given.get(name) or Given(getattr(self._settings, name), _DEFAULT)
        refuse(self._known[name], given, must, example=example)

    def _check_issuer(self) -> None:
        """RFC 8414 section 2: an https URL without query and fragment. Kept as written: it is compared."""
        issuer = self._settings.issuer
        if not re.fullmatch(r"[\x21-\x7e]+", issuer) or len(issuer) > _MAX_IDENTIFIER:
            self._refuse(
                "issuer", f"be a URL in ASCII without spaces, of at most {_MAX_IDENTIFIER} characters"
            )
        parts = _split_url(issuer)
        if parts is None or not parts.hostname or "@" in parts.netloc:
            self._refuse("issuer", "be a URL with a host name")
        elif "?" in issuer or "#" in issuer:
            self._refuse("issuer", "have no query and no fragment")
        elif parts.scheme == "http" and self._settings.dev:
            if not _is_loopback(parts.hostname):
                self._refuse("issuer", "be on loopback when it is http, also under dev")
        elif not issuer.startswith("https://"):
            # Tokens and passwords would cross the network readable for everybody on the way.
            self._refuse("issuer", "begin with https:// (http is for `dev` on loopback only)")

    def _check_host(self) -> None:
        host = self._settings.host
        if not (_is_address(host) or _HOST_NAME.fullmatch(host)):
            self._refuse("host", "be an IP address (IPv6 without brackets) or a host name")

    def _check_proxies(self) -> None:
        if any(network.prefixlen == 0 for network in self._settings.trusted_proxies):
            # Every client could then write the address under which it is throttled and logged.
            self._refuse("trusted_proxies", "name the networks of your proxies, not every address there is")

    def _check_browser_origins(self) -> None:
        for origin in self._settings.browser_origins:
            must = why_refused(origin, dev=self._settings.dev)
            if must:
                self._refuse("browser_origins", must)

    def _check_tls(self) -> None:
        settings = self._settings
        for one, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
            if getattr(settings, one) is not None and getattr(settings, other) is None:
                self._refuse(other, f"be set together with {one}")
        if settings.tls_cert is not None and settings.dev:
            self._refuse("tls_cert", "not be set under dev, which is plain HTTP on loopback")
        if settings.uds is not None and (settings.dev or settings.tls_cert is not None):
            self._refuse("uds", "not be set together with tls_cert or dev: it is for a proxy on this machine")

    def _check_listener(self) -> None:
        if _is_loopback(self._settings.host) or self._settings.uds is not None:
            return
        if self._settings.dev:
            self._refuse("host", "be on loopback under dev", example='"127.0.0.1"')
        if not self._settings.trusted_proxies and self._settings.tls_cert is None:
            must = (
                "be on loopback, because this server speaks plain HTTP; or give it a certificate with tls_cert and "
                "tls_key; or name the proxy that ends TLS in front of it with trusted_proxies"
            )
            self._refuse("host", must, example='"127.0.0.1"')

    def _check_lengths(self) -> None:
        settings = self._settings
        if settings.refresh_idle_seconds > settings.refresh_absolute_seconds:
            must = (
                f"not be longer than refresh_absolute_seconds, which is {settings.refresh_absolute_seconds}"
            )
            self._refuse("refresh_idle_seconds", must, example=str(settings.refresh_absolute_seconds))
        if settings.refresh_retry_seconds > settings.refresh_idle_seconds:
            must = f"not be longer than refresh_idle_seconds, which is {settings.refresh_idle_seconds}"
            self._refuse("refresh_retry_seconds", must)

    def _check_master_key(self) -> None:
        for which in ("master_key", "master_key_previous"):
            several = [name for name in (which, f"{which}_file", f"{which}_command") if name in self._given]
            if len(several) > 1:
                where = self._given[several[1]].source.says(several[1])
                msg = f"{several[1]} ({where}) must not be given together with {several[0]}. Remove one of them."
                raise ConfigurationError(msg, reason=f"wrong setting {several[1]}")


def _split_url(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        # A port that is none is refused only when somebody asks for it.
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
