"""The closed list of error codes, from which the reference documentation is generated.

A code is stable: clients compare it. Its status and meaning never change; a new meaning gets a new code.
"""

from typing import Final, NamedTuple


class ErrorCode(NamedTuple):
    """One error code: its HTTP status, what it means, and what the caller does next."""

    code: str
    status: int
    meaning: str
    what_to_do: str


INVALID_REQUEST: Final = "invalid_request"
INVALID_JSON: Final = "invalid_json"
UNKNOWN_MEMBER: Final = "unknown_member"
BODY_TOO_LARGE: Final = "body_too_large"
HEADERS_TOO_LARGE: Final = "headers_too_large"
UNSUPPORTED_MEDIA_TYPE: Final = "unsupported_media_type"
REQUEST_TIMEOUT: Final = "request_timeout"
INVALID_CREDENTIALS: Final = "invalid_credentials"
MISSING_TOKEN: Final = "missing_token"  # noqa: S105 - an error code, not a secret
INVALID_TOKEN: Final = "invalid_token"  # noqa: S105 - an error code, not a secret
INVALID_GRANT: Final = "invalid_grant"
INSUFFICIENT_ROLE: Final = "insufficient_role"
INSUFFICIENT_SCOPE: Final = "insufficient_scope"
ACCOUNT_EXISTS: Final = "account_exists"
EXTERNAL_ID_TAKEN: Final = "external_id_taken"
LAST_ADMIN: Final = "last_admin"
WEAK_PASSWORD: Final = "weak_password"  # noqa: S105 - an error code, not a secret
REGISTRATION_CLOSED: Final = "registration_closed"
RATE_LIMITED: Final = "rate_limited"
OVERLOADED: Final = "overloaded"
SHUTTING_DOWN: Final = "shutting_down"
NOT_FOUND: Final = "not_found"
METHOD_NOT_ALLOWED: Final = "method_not_allowed"
ORIGIN_REFUSED: Final = "origin_refused"
BROWSER_CHECK_FAILED: Final = "browser_check_failed"
STORAGE_UNAVAILABLE: Final = "storage_unavailable"
KEYS_UNAVAILABLE: Final = "keys_unavailable"
SIGN_IN_REQUIRED: Final = "sign_in_required"
ISSUER_UNAVAILABLE: Final = "issuer_unavailable"
TOKEN_STORE_UNAVAILABLE: Final = "token_store_unavailable"  # noqa: S105 - an error code, not a secret
SERVER_ERROR: Final = "server_error"

_CODES = (
    ErrorCode(
        INVALID_REQUEST,
        400,
        "The request is not well formed: a part of it is missing, repeated or of the wrong form.",
        "Read the description, which names the part, and send the request in the documented form.",
    ),
    ErrorCode(
        INVALID_JSON,
        400,
        "The body is not one JSON object in UTF-8, or it names a member twice.",
        "Send a single JSON object as RFC 8259 describes it, each member once.",
    ),
    ErrorCode(
        UNKNOWN_MEMBER,
        400,
        "The body has a member that this endpoint does not know.",
        "Remove the member, or correct its spelling; the description names it.",
    ),
    ErrorCode(
        BODY_TOO_LARGE,
        413,
        "The body is larger than this endpoint reads.",
        "Send a smaller body; the description says the limit in bytes.",
    ),
    ErrorCode(
        HEADERS_TOO_LARGE,
        431,
        "The request line and headers are larger than the server reads.",
        "Send fewer or shorter headers; old cookies are the usual cause.",
    ),
    ErrorCode(
        UNSUPPORTED_MEDIA_TYPE,
        415,
        "The endpoint does not read bodies of this Content-Type.",
        "Send `Content-Type: application/json`, or the type that the documentation of the endpoint names.",
    ),
    ErrorCode(
        REQUEST_TIMEOUT,
        408,
        "The request did not arrive whole in time.",
        "Send it again; if it happens often, look at the connection between the client and the server.",
    ),
    ErrorCode(
        INVALID_CREDENTIALS,
        401,
        "The login did not succeed. Which part was wrong is not said, so that nobody can probe for accounts.",
        "Check the name and the password, or ask an administrator whether the account is enabled.",
    ),
    ErrorCode(
        MISSING_TOKEN,
        401,
        "The endpoint needs an access token, and the request carries none.",
        "Sign in and send `Authorization: Bearer` followed by the access token.",
    ),
    ErrorCode(
        INVALID_TOKEN,
        401,
        "The access token was refused: malformed, expired, revoked, or not meant for this server.",
        "Refresh the token, or sign in again. The true reason is in the server's log under the request id.",
    ),
    ErrorCode(
        INVALID_GRANT,
        400,
        "The refresh token is not valid any more: expired, used, ended by a logout, or of another client.",
        "Discard it and sign in again.",
    ),
    ErrorCode(
        INSUFFICIENT_ROLE,
        403,
        "The token is valid, but its account lacks the role that this endpoint asks for.",
        "Ask an administrator for the role, then refresh the token so that it carries it.",
    ),
    ErrorCode(
        INSUFFICIENT_SCOPE,
        403,
        "The token is valid, but its scope does not reach as far as this endpoint asks.",
        "Ask for a token with the scope that `WWW-Authenticate` names.",
    ),
    ErrorCode(
        ACCOUNT_EXISTS,
        409,
        "An account with this e-mail address or user name exists already; upper and lower case do not count.",
        "Sign in with it, or choose another name.",
    ),
    ErrorCode(
        EXTERNAL_ID_TAKEN,
        409,
        "Another account is linked to this external id.",
        "Take it away from that account first, or link this one to another row of the application.",
    ),
    ErrorCode(
        LAST_ADMIN,
        409,
        "The change would leave no enabled account with the role `admin`.",
        "Give the role to another account first. The command line can do what this refuses.",
    ),
    ErrorCode(
        WEAK_PASSWORD,
        400,
        "The password breaks a rule: too short or too long, well known, or made of the account's names.",
        "Choose another; the description says which rule it broke. A few random words make a good one.",
    ),
    ErrorCode(
        REGISTRATION_CLOSED,
        403,
        "This server does not let people create accounts for themselves.",
        "Ask an administrator for an account. The setting `registration` opens registration.",
    ),
    ErrorCode(
        RATE_LIMITED,
        429,
        "There were too many attempts from this address or for this account.",
        "Wait as many seconds as the `Retry-After` header says, then try again.",
    ),
    ErrorCode(
        OVERLOADED,
        503,
        "The server has more work waiting than it can finish soon, and refused this request at once.",
        "Wait as many seconds as the `Retry-After` header says, then try again.",
    ),
    ErrorCode(
        SHUTTING_DOWN,
        503,
        "The server was told to stop, and should be sent nothing new.",
        "Send requests to another server, or wait until this one is started again.",
    ),
    ErrorCode(
        NOT_FOUND,
        404,
        "There is nothing at this path, or nothing that this token may see.",
        "Check the path and the identifier in it.",
    ),
    ErrorCode(
        METHOD_NOT_ALLOWED,
        405,
        "The path exists, but not with this method.",
        "Use one of the methods that the `Allow` header names.",
    ),
    ErrorCode(
        ORIGIN_REFUSED,
        403,
        "A browser sent the request for a web page of an origin that is not listed.",
        "Send it from a page of the server's own origin, from one in the setting `browser_origins`, or from a program.",
    ),
    ErrorCode(
        BROWSER_CHECK_FAILED,
        403,
        'The request asks for `"delivery": "cookie"` and lacks what tells it from one that a foreign page made.',
        "Send it by `fetch` from a page, as JSON and with the header `X-Tokenward: 1`; the browser adds `Origin`.",
    ),
    ErrorCode(
        STORAGE_UNAVAILABLE,
        503,
        "The database did not answer or could not make the change durable. Nothing was changed.",
        "Try again in a few seconds; an operator finds the cause in the server's log.",
    ),
    ErrorCode(
        KEYS_UNAVAILABLE,
        503,
        "An API could not fetch the keys of the issuer, and has none left that it may still trust.",
        "Try again in a few seconds; the log of the API says what went wrong when it fetched them.",
    ),
    ErrorCode(
        SIGN_IN_REQUIRED,
        401,
        "A client holds no tokens for this account, or the session behind them has ended.",
        "Sign in again; at a terminal with `tokenward login`.",
    ),
    ErrorCode(
        ISSUER_UNAVAILABLE,
        503,
        "A client got no usable answer from the authorization server, and has no valid token left.",
        "Try again in a few seconds; the description says what went wrong, or look at the address of the issuer.",
    ),
    ErrorCode(
        TOKEN_STORE_UNAVAILABLE,
        503,
        "A client cannot read or write the place where it keeps tokens, or others could read it.",
        "Do what the description says: unlock the keyring, or mend the owner and mode of the file.",
    ),
    ErrorCode(
        SERVER_ERROR,
        500,
        "The server met an error of its own.",
        "Try again; if it stays, report the request id, under which the log has the details.",
    ),
)

ERROR_CODES: Final[dict[str, ErrorCode]] = {entry.code: entry for entry in _CODES}
