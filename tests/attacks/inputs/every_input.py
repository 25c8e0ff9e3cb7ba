"""All inputs of sections A to G."""

from tests.attacks.inputs import (
    algorithms,
    claims,
    encoding,
    json_texts,
    key_discovery,
    kinds,
    signatures,
)
from tests.attacks.inputs.hostile_input import HostileInput, Maker

SECTIONS = (algorithms, key_discovery, signatures, encoding, json_texts, claims, kinds)


def every_input(now: int) -> list[HostileInput]:
    """Return the inputs of all sections, made for the time `now`, in the order of the catalogue."""
    made = [one for section in SECTIONS for one in section.inputs(Maker(now))]
    return sorted(made, key=lambda one: one.id)
