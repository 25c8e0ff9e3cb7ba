"""The authorization server: accounts, sessions, keys, revocation, and the HTTP API over them.

It does not own what a token is (`tokenward.tokens`) nor how bytes are signed (`tokenward.jose`). What applications
import stands in `__all__`; it is loaded when it is asked for, so that commands do not wait for what they do not use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenward.server.mounting import Account, Mounted, Principal, create_app
    from tokenward.server.settings import Settings, load_settings

__all__ = ["Account", "Mounted", "Principal", "Settings", "create_app", "load_settings"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("Settings", "load_settings"):
        from tokenward.server import settings

        return getattr(settings, name)
    from tokenward.server import mounting

    return getattr(mounting, name)
