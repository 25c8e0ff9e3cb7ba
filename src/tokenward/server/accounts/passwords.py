"""Which passwords an account may have: the rules of NIST SP 800-63B-4, section 3.1.1.2, and nothing on top.

A password is judged by its length and by what an attacker tries first. There are no rules of composition
(NIST forbids them), and whether a password stood in somebody else's leak is not asked of any service on the
network.
"""

import functools
import gzip
import importlib.resources
import re
import unicodedata
from collections.abc import Iterable

from tokenward.errors import ConfigurationError, Error
from tokenward.protocol.errors import WEAK_PASSWORD

DEFAULT_MIN_LENGTH = 15
LEAST_MIN_LENGTH = 8
MAX_LENGTH = 256

# So many characters beside something that an attacker tries anyway ("2024", "!!1") do not make it a password.
_LITTLE_ADDED = 4
# A part that is repeated counts once, and alone it would be shorter than any password may be.
_SHORTEST_PART = LEAST_MIN_LENGTH
_SHORTEST_RUN = 3
_SHORTEST_KNOWN_WORD = 4

# What fingers and counting give: digits, the alphabet, the rows of the usual keyboards, and their columns.
_ROWS = (
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    *("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn"),
    *("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "!qaz", "@wsx", "#edc", "$rfv"),
    "!@#$%^&*()",
)
_RUN_ROWS = tuple(row for forward in _ROWS for row in (forward, forward[::-1]))


class WeakPassword(Error):
    """The password is not accepted for a new account or a change; the description says the rule."""

    code = WEAK_PASSWORD
    status = 400


class PasswordRules:
    """The rules for new passwords.

    `min_length` and `max_length` count Unicode code points after NFKC. `service_words` are names of the
    service, which everybody would try first. The rules are for passwords being set: a login must not apply
    them, or a stricter rule would lock out whoever was there before it.
    """

    def __init__(
        self,
        min_length: int = DEFAULT_MIN_LENGTH,
        max_length: int = MAX_LENGTH,
        *,
        service_words: Iterable[str] = ("tokenward",),
    ) -> None:
        if not LEAST_MIN_LENGTH <= min_length <= max_length <= MAX_LENGTH:
            msg = (
                f"password_min_length must be from {LEAST_MIN_LENGTH} to {max_length} characters "
                f"(of at most {MAX_LENGTH}), not {min_length}"
            )
            raise ConfigurationError(msg)
        self.min_length = min_length
        self.max_length = max_length
        self._service_words = tuple(service_words)

    def check_password(self, password: str, *, context: Iterable[str] = ()) -> str:
        """Check a password that somebody wants to set, and return it as it is to be hashed (NFKC).

        `context` is what others know of the account: e-mail address, user name, name. Upper and lower case do
        not make it different.

        Raises:
            WeakPassword: a rule is broken; the description names it and what to do.
        """
        normalized = self._check_form(password)
        folded = _fold(normalized)
        if _is_part_repeated(folded):
            msg = "The password repeats one short part. Choose another, such as several unrelated words."
            raise WeakPassword(msg, reason="one part repeated")
        if _outside_runs(folded) <= _LITTLE_ADDED:
            msg = (
                "The password is a run of keys, letters or digits (such as 'qwerty' or '12345'). "
                "Choose one that is not, such as several unrelated words."
            )
            raise WeakPassword(msg, reason="a run")
        if _is_little_added_to_common(folded):
            msg = (
                "The password is one of the most common ones, or one of them with little added, and would be "
                "guessed first. Choose another, such as several unrelated words."
            )
            raise WeakPassword(msg, reason="common")
        self._check_context(folded, context)
        return normalized

    def _check_form(self, password: str) -> str:
        # Length first: normalising megabytes for somebody who is not signed in would be a gift to an
        # attacker.
        if len(password) > self.max_length:
            raise self._too_long()
        normalized = find_normalized(password)
        if normalized is None:
            msg = (
                "The password holds a control character (such as NUL, tab or a line break) or half of a "
                "surrogate pair, which cannot be typed everywhere. Leave it out; letters, digits, spaces, "
                "punctuation and emoji of any script are welcome."
            )
            raise WeakPassword(msg, reason="control character")
        if len(normalized) > self.max_length:
            raise self._too_long()
        if len(normalized) < self.min_length:
            msg = (
                f"The password has {len(normalized)} characters and must have at least {self.min_length}. "
                "Several unrelated words make a good one; capitals, digits and symbols are not demanded. "
                "(The operator of this server sets the minimum with `password_min_length`.)"
            )
            raise WeakPassword(msg, reason="too short")
        return normalized

    def _too_long(self) -> WeakPassword:
        return WeakPassword(
            f"The password is too long: at most {self.max_length} characters are accepted.", reason="too long"
        )

    def _check_context(self, folded: str, context: Iterable[str]) -> None:
        words = _known_words((*context, *self._service_words))
        rest = folded
        for word in words:
            # What stood on both sides of a word must not grow together into another one.
            rest = rest.replace(word, "\x00")
        if rest != folded and sum(map(_outside_runs, rest.split("\x00"))) <= _LITTLE_ADDED:
            msg = (
                "The password is the account's e-mail address, user name or name, or the name of this "
                "service, with little added. Choose one that others cannot derive from these."
            )
            raise WeakPassword(msg, reason="derived from the account")


def find_normalized(password: str) -> str | None:
    """`password` as it is hashed: NFKC, so that it is the same from every keyboard and operating system.

    `None` when no password can look so: longer than any may be, a control character, a lone surrogate. Used
    at login too, where `None` must cost and answer the same as a wrong password.
    """
    if len(password) > MAX_LENGTH:
        return None
    # NUL would end the password early in a C library, and only "Cs" cannot be written as UTF-8 to be hashed.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        return None
    return unicodedata.normalize("NFKC", password)


def is_common(folded: str) -> bool:
    """Whether a password, in lower case, stands on the list of common ones (eight and more characters)."""
    return folded in _common_passwords()


@functools.cache
def _common_passwords() -> frozenset[str]:
    packed = importlib.resources.files(__package__).joinpath("common_passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode("ascii").split())


@functools.cache
def _longest_common() -> int:
    return max(map(len, _common_passwords()))


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _is_part_repeated(text: str) -> bool:
    """Whether `text` is one part, shorter than a password may be, again and again (the last cut off)."""
    longest = min(_SHORTEST_PART - 1, len(text) // 2)
    return any(text[size:] == text[:-size] for size in range(1, longest + 1))


def _outside_runs(text: str) -> int:
    """How many characters belong to no run, also when two runs are typed in turns (`q1w2e3`)."""
    plain = _outside_plain_runs(text)
    if plain <= _LITTLE_ADDED or len(text) < 2 * _SHORTEST_RUN:
        return plain
    return min(plain, _outside_plain_runs(text[::2]) + _outside_plain_runs(text[1::2]))


def _outside_plain_runs(text: str) -> int:
    outside = position = 0
    while position < len(text):
        length = _run_at(text, position)
        if length < _SHORTEST_RUN:
            outside, length = outside + 1, 1
        position += length
    return outside


def _run_at(text: str, start: int) -> int:
    """The length of the longest run that begins at `start`."""
    longest = len(text) - start - len(text[start:].lstrip(text[start]))
    head = text[start : start + _SHORTEST_RUN]
    for row in _RUN_ROWS:
        at = row.find(head)
        if at < 0 or len(head) < _SHORTEST_RUN:
            continue
        length = _SHORTEST_RUN
        while row[at + length : at + length + 1] == text[start + length : start + length + 1] != "":
            length += 1
        longest = max(longest, length)
    return longest


def _is_little_added_to_common(text: str) -> bool:
    """Whether `text` is a common password, perhaps repeated, with little besides (runs do not count)."""
    if is_common(text):
        return True
    # The look-ups below grow with the length; a text so long holds much besides unless it repeats itself.
    if len(text) > 3 * _longest_common():
        return _is_common_repeated(text)
    for start in range(len(text) - LEAST_MIN_LENGTH + 1):
        for end in range(start + LEAST_MIN_LENGTH, min(start + _longest_common(), len(text)) + 1):
            if is_common(text[start:end]) and _is_predictable(text[:start], text[end:], text[start:end]):
                return True
    return False


def _is_predictable(before: str, after: str, common: str) -> bool:
    after_repeats = after.replace(common, "")
    return _outside_runs(before) + _outside_runs(after_repeats) <= _LITTLE_ADDED


def _is_common_repeated(text: str) -> bool:
    return any(
        is_common(text[:size]) and len(text.replace(text[:size], "")) <= _LITTLE_ADDED
        for size in range(LEAST_MIN_LENGTH, _longest_common() + 1)
    )


def _known_words(texts: Iterable[str]) -> list[str]:
    """The texts and the words in them, in lower case, longest first; too short ones are in every password."""
    words: set[str] = set()
    for text in texts:
        folded = _fold(text)
        words.update((folded, *re.split(r"[\W_]+", folded)))
    return sorted((word for word in words if len(word) >= _SHORTEST_KNOWN_WORD), key=len, reverse=True)
