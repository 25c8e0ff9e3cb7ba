"""Settings: what an operator can set, read from four places and checked before anything starts.

Owns: the declaration of every setting (`declaration`), reading and checking it (`loading`, `values`), and the
reference made from it (`reference`). Does not own: what a setting does, which is said and done where it is
used; reading the master key (`server.keyring.wrapping`). Identity follows RFC 8414 section 2 (issuer).
"""

from tokenward.server.settings.declaration import Settings
from tokenward.server.settings.loading import check_settings, load_settings
from tokenward.server.settings.reference import settings_reference

__all__ = ["Settings", "check_settings", "load_settings", "settings_reference"]
