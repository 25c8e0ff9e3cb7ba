"""The base of every error that Tokenward raises.

An error has two readers. The caller outside gets `code`, `status` and `description`, which are safe to show
and the same for every cause at one door. The operator gets `reason`, which says what really happened, in the
log and in the audit trail. Neither ever holds a token, a password or a key.

This module owns the errors that more than one package raises. A service defines its own errors beside the
code that raises them. The closed list of codes, with what each means, is `tokenward.protocol.errors`.
"""

from typing import ClassVar


class Error(Exception):
    """Base of every error of ours.

    `code` is stable and stands in `tokenward.protocol.errors.ERROR_CODES`; `status` is the HTTP status that
    belongs to it; `description` is safe to show to anybody and says what to do next. `reason` is for log and
    audit only: a short stable slug or sentence, never a secret. `str()` gives the description alone, because
    applications put it into responses; `repr()` gives the reason too.
    """

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 500
    description: str = "The server could not answer. Try again later."
    reason: str

    def __init__(self, description: str | None = None, *, reason: str = "") -> None:
        if description is not None:
            self.description = description
        self.reason = reason
        super().__init__(self.description)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.description!r}, reason={self.reason!r})"


class InvalidToken(Error):
    """A token was refused: malformed, wrongly signed, expired, for somebody else, or revoked.

    Outside, all of these are one answer. `reason` tells them apart for the log, and `claim` names the claim
    at fault, or is None where the fault is not in one claim.
    """

    code = "invalid_token"
    status = 401
    description = "The access token is not valid. Sign in again, or refresh the token."
    claim: str | None

    def __init__(self, description: str | None = None, *, reason: str = "", claim: str | None = None) -> None:
        super().__init__(description, reason=reason)
        self.claim = claim

    def __repr__(self) -> str:
        return f"InvalidToken(reason={self.reason!r}, claim={self.claim!r})"


class InvalidRequest(Error):
    """The request itself is wrong: a member or header is missing, repeated, or of the wrong form."""

    code = "invalid_request"
    status = 400
    description = "The request is not well formed. Compare it with the documentation of this endpoint."


class ConfigurationError(Error):
    """A setting or an argument is wrong. It is raised when an object is built, never by a request."""

    description = "A setting is wrong."


class StorageUnavailable(Error):
    """The database did not answer, or could not make a change durable. Nothing was changed."""

    code = "storage_unavailable"
    status = 503
    description = "The database is not available at the moment. Try again in a few seconds."
