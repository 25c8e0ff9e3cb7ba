"""The reason of a revocation: one word, which stands in the log that other verifiers may read."""

import re

from tokenward.errors import InvalidRequest

DEFAULT_REASON = "administrator"

_REASON = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def check_reason(reason: str) -> str:
    """Return the reason if it is one word.

    Raises:
        InvalidRequest: it is another text, which could tell of a person.
    """
    if not _REASON.fullmatch(reason):
        msg = (
            "`reason` must be one word of at most 64 characters: a-z, then a-z, 0-9, underscore and hyphen. "
            "It stands in the log of revocations, which holds nothing about people."
        )
        raise InvalidRequest(msg, reason="reason")
    return reason
