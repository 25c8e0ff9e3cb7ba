"""From what somebody wrote to the value of a setting, or to an error that says what to write instead."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, get_args, get_origin

from tokenward.errors import ConfigurationError
from tokenward.server.settings.about import About
from tokenward.server.settings.declaration import VARIABLE_PREFIX, Declared, Network, Settings

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_LONGEST_SHOWN = 60


class Source(NamedTuple):
    """Where a value was written: a `kind` and, for a file, its path."""

    kind: Literal["default", "file", "variable", "flag", "code"]
    path: Path | None = None

    def says(self, name: str) -> str:
        """The place, for a sentence."""
        match self.kind:
            case "file":
                return f"in the file {self.path}"
            case "variable":
                return f"in the variable {VARIABLE_PREFIX}{name.upper()}"
            case "flag":
                return f"in the flag {_flag(name)}"
            case "code":
                return f"in Settings({name}=...)"
            case _:
                return "by default"

    def example(self, name: str, toml_value: str) -> str:
        """What to write in that place to set `name` to this value."""
        plain = toml_value.strip("[]").replace('"', "")
        match self.kind:
            case "variable":
                return f"{VARIABLE_PREFIX}{name.upper()}={plain}"
            case "flag":
                return f"{_flag(name)} {plain}"
            case _:
                return f"{name} = {toml_value}"


class Given(NamedTuple):
    """A value as it was written, with its source."""

    value: object
    source: Source


def convert(declared: Declared, given: Given) -> Any:
    """The value of a setting, checked by itself; what must fit to other settings is not checked here.

    Text from variables and flags is read as TOML's types would be: `true`, a number, a list with commas.

    Raises:
        ConfigurationError: the value is not one for this setting.
    """
    if get_origin(declared.type) is Literal:
        return _choice(declared, given)
    return _CONVERTERS[declared.type](declared, given)


def refuse(declared: Declared, given: Given, must: str, *, example: str = "") -> NoReturn:
    """Refuse the value of a setting: `must` completes "the setting must …"."""
    shown = "" if declared.about.secret else f", and is {_shown(given.value)}"
    text = f"{declared.name} ({given.source.says(declared.name)}) must {must}{shown}."
    written = example or declared.about.example or toml(getattr(Settings(), declared.name))
    if not declared.about.secret and written != '""':
        text += f" Write for example: {given.source.example(declared.name, written)}"
    raise ConfigurationError(text, reason=f"wrong setting {declared.name}")


def toml(value: object) -> str:
    """A value as it is written in a TOML file."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case tuple():
            return "[" + ", ".join(toml(str(item)) for item in value) + "]"
        case _:
            return f'"{value}"'


def bounds(about: About) -> str:
    """What numbers a setting takes, in words."""
    unit = f" of {about.unit}" if about.unit else ""
    return f"a whole number{unit} from {about.least} to {about.most}"


def _integer(declared: Declared, given: Given) -> int:
    value, about = given.value, declared.about
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}", value.strip()):
        value = int(value)
    # A boolean is an int in Python and a mistake in a settings file.
    if not isinstance(value, int) or isinstance(value, bool) or not about.least <= value <= about.most:
        refuse(declared, given, f"be {bounds(about)}")
    return value


def _boolean(declared: Declared, given: Given) -> bool:
    value = given.value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        value = value.strip().lower() in _TRUE
    if not isinstance(value, bool):
        refuse(declared, given, "be true or false")
    return value


def _text(declared: Declared, given: Given) -> str:
    value = given.value
    if not isinstance(value, str) or not value.isprintable():
        refuse(declared, given, "be text on one line, without control characters")
    return value


def _path(declared: Declared, given: Given) -> Path:
    value = given.value
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value or not value.isprintable():
        refuse(declared, given, "be the path of a file or folder")
    return Path(value)


def _choice(declared: Declared, given: Given) -> str:
    choices: tuple[str, ...] = get_args(declared.type)
    # RFC 9864 gave the curve a name of its own; many still write the old one.
    value = "Ed25519" if given.value == "EdDSA" and "Ed25519" in choices else given.value
    for choice in choices:
        if value == choice:
            return choice
    refuse(declared, given, f"be one of {', '.join(choices)}")


def _networks(declared: Declared, given: Given) -> tuple[Network, ...]:
    value = given.value
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        refuse(declared, given, "be a list of networks")
    return tuple(_network(declared, given, part) for part in value)


def _texts(declared: Declared, given: Given) -> tuple[str, ...]:
    value = given.value
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        refuse(declared, given, "be a list of texts")
    return tuple(value)


def _network(declared: Declared, given: Given, part: object) -> Network:
    # A bare number would be taken for an address.
    if not isinstance(part, str | ipaddress.IPv4Network | ipaddress.IPv6Network):
        refuse(declared, given, "be a list of networks, each written as text")
    try:
        network = ipaddress.ip_network(part, strict=False)
    except ValueError:
        refuse(declared, given, "be a list of networks, each an address and a prefix length")
    if network.network_address != ipaddress.ip_interface(str(part)).ip:
        must = f"name networks: {part} is an address inside {network}"
        refuse(declared, given, must, example=toml((network,)))
    return network


_CONVERTERS: dict[Any, Callable[[Declared, Given], Any]] = {
    int: _integer,
    bool: _boolean,
    str: _text,
    Path: _path,
    Path | None: _path,
    tuple[Network, ...]: _networks,
    tuple[str, ...]: _texts,
}


def _shown(value: object) -> str:
    text = toml(value) if isinstance(value, bool | int | str | Path) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
