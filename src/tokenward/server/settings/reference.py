"""The reference of settings in Markdown, made from their declaration, so that it cannot fall behind."""

from pathlib import Path
from typing import Literal, get_args, get_origin

from tokenward.server.settings.declaration import (
    SECTIONS,
    VARIABLE_PREFIX,
    Declared,
    Network,
    Settings,
    declared_settings,
)
from tokenward.server.settings.values import bounds, toml

_HEAD = f"""# Settings

Generated from the code; do not edit by hand.

Each setting can stand in four places. A later one in this list wins over an earlier one:

1. the default;
2. a TOML file: `--config FILE`, variable `{VARIABLE_PREFIX}CONFIG`, or `tokenward.toml` in the data folder;
3. a variable: `{VARIABLE_PREFIX}` and the name in capitals, for example `{VARIABLE_PREFIX}PORT=8080`
   (lists with commas; an empty variable counts as not set);
4. a flag of the command, where it has one.

A wrong value and an unknown name are refused at start. What is marked *secret* comes from a variable only.
"""


def settings_reference() -> str:
    """The whole text of `docs/reference/settings.md`."""
    lines = [_HEAD]
    for declared in declared_settings():
        if declared.name in SECTIONS:
            lines += [
                "",
                f"## {SECTIONS[declared.name]}",
                "",
                "| Setting | Value | Default | Meaning |",
                "|---|---|---|---|",
            ]
        value, default = _value(declared), _default(declared)
        lines.append(f"| `{declared.name}` | {value} | {default} | {_meaning(declared)} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _value(declared: Declared) -> str:
    if get_origin(declared.type) is Literal:
        return ", ".join(f"`{toml(choice)}`" for choice in get_args(declared.type))
    if declared.type is int:
        return bounds(declared.about)
    names = {
        bool: "`true` or `false`",
        str: "text",
        tuple[Network, ...]: "a list of networks",
        tuple[str, ...]: "a list of texts",
    }
    secret = ", *secret*" if declared.about.secret else ""
    return names.get(declared.type, "a path" if declared.type in (Path, Path | None) else "text") + secret


def _default(declared: Declared) -> str:
    return declared.about.default_text or f"`{toml(getattr(Settings(), declared.name))}`"


def _meaning(declared: Declared) -> str:
    example = f" Example: `{declared.about.example}`" if declared.about.example else ""
    return declared.about.text + example
