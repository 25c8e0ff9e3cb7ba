"""What an e-mail address, a user name, a name and a role may look like, and when two logins are the same."""

import re
import unicodedata
from collections.abc import Iterable

from tokenward.errors import InvalidRequest

ADMIN = "admin"

_MAX_EMAIL = 254
_MAX_NAME = 200
_MAX_ROLES = 32
_MAX_EXTERNAL_ID = 255
# No "@" in a user name: a login with one is an e-mail address, so nobody can take another's for a user name.
_USERNAME = re.compile(r"[A-Za-z0-9._-]{3,64}")
_ROLE = re.compile(r"[a-z][a-z0-9_:-]{0,63}")
# Control characters, halves of surrogate pairs, and line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_email(email: str) -> str:
    """Return the e-mail address if it has the form of one; whose it is, only a mail can tell.

    Raises:
        InvalidRequest: it cannot be an address (RFC 5321: at most 254 characters).
    """
    # Folding may bring an "@" or a space out of a compatibility character, and so make one address of two.
    # Too long is refused before it is folded, which costs the square of a run of combining marks.
    for form in (email, _fold(email) if len(email) <= _MAX_EMAIL and _is_text(email) else ""):
        local, at, domain = form.partition("@")
        if len(form) > _MAX_EMAIL or not (local and at and domain) or "@" in domain or not _is_word(form):
            msg = (
                f"`email` must be an address such as name@example.com: one @ with text before and after it, "
                f"no spaces or control characters, at most {_MAX_EMAIL} characters."
            )
            raise InvalidRequest(msg, reason="email")
    return email


def check_username(username: str) -> str:
    """Return the user name if it is one.

    Raises:
        InvalidRequest: another length, or other characters than allowed.
    """
    if not _USERNAME.fullmatch(username):
        msg = "`username` must be 3 to 64 characters of A-Z, a-z, 0-9, dot, hyphen and underscore."
        raise InvalidRequest(msg, reason="username")
    return username


def check_name(name: str) -> str:
    """Return the name under which a person is shown; nothing else is ever derived from it.

    Raises:
        InvalidRequest: too long, or with characters that do not print on one line.
    """
    if len(name) > _MAX_NAME or not _is_text(name):
        msg = f"`name` must be at most {_MAX_NAME} characters, without line breaks and control characters."
        raise InvalidRequest(msg, reason="name")
    return name


def check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Return the roles, each once, in the order given.

    Raises:
        InvalidRequest: too many, or one that is no role name.
    """
    unique = tuple(dict.fromkeys(roles))
    if len(unique) > _MAX_ROLES or not all(_ROLE.fullmatch(role) for role in unique):
        msg = (
            f"`roles` must be at most {_MAX_ROLES} names, each beginning with a-z and of at most 64 "
            "characters of a-z, 0-9, underscore, colon and hyphen."
        )
        raise InvalidRequest(msg, reason="roles")
    return unique


def check_external_id(external_id: str) -> str:
    """Return what an application calls the row of its own: any text that prints on one line, compared as written.

    Raises:
        InvalidRequest: it is empty, too long, or has characters that do not print.
    """
    if not 0 < len(external_id) <= _MAX_EXTERNAL_ID or not external_id.isprintable():
        msg = f"`external_id` must be 1 to {_MAX_EXTERNAL_ID} characters that print."
        raise InvalidRequest(msg, reason="external_id")
    return external_id


def fold_login(login: str) -> str:
    """The form in which logins are compared: upper and lower case and width of letters do not count.

    Mail must be sent to the address as it was stored, never to one that somebody typed: two mailboxes can
    share a folded form ("K" and the Kelvin sign), and a reset link would reach the wrong one.
    """
    return _fold(login)


def find_login(login: str) -> str | None:
    """The folded login, or `None` for what no account can have as one (and no database can be asked for)."""
    if not login or len(login) > _MAX_EMAIL or not _is_text(login):
        return None
    return _fold(login)


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Casefolding can leave a form that normalises further, so that folding twice would differ from once.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_text(text: str) -> bool:
    if text.isascii():
        return text.isprintable()
    return not any(unicodedata.category(character) in _UNPRINTABLE for character in text)


def _is_word(text: str) -> bool:
    return _is_text(text) and not any(character.isspace() for character in text)
