"""A few words for a device, made from its user agent, by which its owner knows it again.

What a client says of itself proves nothing, and new agents come all the time: a label decides nothing, and what is
not known is shown by its first word.
"""

import re

_UNKNOWN = "Unknown device"
_MOST_CHARACTERS = 40

# The first that fits: a browser names its ancestors too, so the younger one stands before what it imitates.
_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_FIRST_WORD = re.compile(r"[!-.0-~]+(?:/[0-9][0-9.]*)?")


def device_label(agent: str) -> str:
    """`Firefox on Linux`, `curl 8.5.0`: what to call the device whose user agent this is. Printable, never empty."""
    program = next((name for mark, name in _PROGRAMS if mark in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    if program is not None:
        return program if system is None else f"{program} on {system}"
    word = _FIRST_WORD.match(agent)
    if word is None:
        return _UNKNOWN
    # Every browser begins with this word, whoever it is.
    own = word[0].replace("/", " ")[:_MOST_CHARACTERS] if not word[0].startswith("Mozilla/") else _UNKNOWN
    return own if system is None else f"{own} on {system}"
