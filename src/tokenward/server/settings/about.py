"""What is known of a setting beside its name, type and default."""

from typing import NamedTuple


class About(NamedTuple):
    """What is known of a setting beside its name, type and default.

    `least` and `most` bound a number; `default_text` stands in the reference where the default is worked out.
    `secret` values are never shown, and come from the environment only.
    """

    text: str
    least: int = 0
    most: int = 0
    unit: str = ""
    default_text: str = ""
    example: str = ""
    secret: bool = False
