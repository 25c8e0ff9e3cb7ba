import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenward.jose import StrictJSONError, decode_object

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=6), VALUES, max_size=6)
STYLES: list[dict[str, Any]] = [
    {"separators": (",", ":"), "ensure_ascii": False},
    {"separators": (",", ":")},
    {"indent": 1},
]


def reason_of(data: bytes, **limits: int) -> str:
    with pytest.raises(StrictJSONError) as caught:
        decode_object(data, **({"max_bytes": 1_000_000} | limits))
    assert (caught.value.code, caught.value.status) == ("invalid_json", 400)
    return caught.value.reason


@settings(max_examples=200, deadline=None)
@given(OBJECTS, st.sampled_from(STYLES))
def test_every_object_is_read_as_it_was_written_in_every_style(
    value: dict[str, Any], style: dict[str, Any]
) -> None:
    assert decode_object(json.dumps(value, **style).encode(), max_bytes=100_000) == value


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=60)
    | st.text('{}[]",:\\u0dab1e9.-+ntf\n', max_size=40).map(str.encode)
    | st.text('{}[]",:ab1', max_size=24).map(lambda text: b'{"a":' + text.encode() + b"}")
)
def test_any_bytes_give_an_object_or_our_error(data: bytes) -> None:
    try:
        value = decode_object(data, max_bytes=1000)
    except StrictJSONError:
        return
    # What was read can be written, and another strict reader agrees about it.
    assert decode_object(json.dumps(value).encode(), max_bytes=10_000) == value
    assert json.loads(data) == value


@settings(deadline=None)
@given(OBJECTS, st.data())
def test_a_member_named_twice_is_found_wherever_it_is(value: dict[str, Any], data: st.DataObject) -> None:
    value = value or {"a": 1}
    name = data.draw(st.sampled_from(sorted(value)))
    text = json.dumps(value)[:-1] + f",{json.dumps(name)}:0}}"
    for nested in (text, f'{{"x":[{text}]}}'):
        assert reason_of(nested.encode()) == "duplicate_member"
        compact = nested.replace(", ", ",").replace(": ", ":")
        assert reason_of(compact.encode()) == "duplicate_member"


def nested_arrays(depth: int) -> bytes:
    """Return an object whose innermost array is `depth` deep; the object counts as one."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize("max_depth", [1, 3, 5, 8, 32])
def test_depth_is_limited_exactly(max_depth: int) -> None:
    assert (
        decode_object(
            nested_arrays(max_depth) if max_depth > 1 else b"{}", max_bytes=100, max_depth=max_depth
        )
        or True
    )
    assert reason_of(nested_arrays(max_depth + 1), max_depth=max_depth) == "too_deep"


def test_a_very_deep_text_is_refused_without_a_recursion_error() -> None:
    for depth in (900, 1100, 100_000):
        for opening in (b"[", b'{"a":'):
            assert reason_of(b'{"a":' + opening * depth) == "malformed"
            reason_of(b'{"a":' + b"[" * depth + b"]" * depth + b"}")


def test_the_limits_are_checked_before_each_string_is_looked_at() -> None:
    # To look at a string costs as much as it is deep: with thousands of them a small header took 50 milliseconds.
    deep = b"[" * 40 + b'"\\ud800"' + b"]" * 40
    assert reason_of(b'{"a":' + deep + b"}") == "too_deep"
    assert reason_of(b'{"a":[' + b'"\\ud800",' * 600 + b"0]}") == "too_many_members"
    assert reason_of(b'{"a":"\\ud800"}') == "malformed"


def test_members_and_elements_are_limited_exactly() -> None:
    members = {f"m{number}": 0 for number in range(10)}
    for style in STYLES:
        text = json.dumps(members, **style).encode()
        assert decode_object(text, max_bytes=1000, max_members=10) == members
        assert reason_of(text, max_members=9) == "too_many_members"
    assert reason_of(b'{"a":[' + b"0," * 9 + b"0]}", max_members=10) == "too_many_members"


def test_bytes_are_limited_exactly() -> None:
    assert decode_object(b'{"a":1}', max_bytes=7) == {"a": 1}
    assert reason_of(b'{"a":1}', max_bytes=6) == "too_large"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30, 10**100])
def test_integers_beyond_64_bits_are_refused_at_every_depth(number: int) -> None:
    for text in (f'{{"a":{number}}}', f'{{ "a":{number}}}', f'{{"a":[[[[[[[{number}]]]]]]]}}'):
        assert reason_of(text.encode()) == "number_out_of_range"


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, -1])
def test_integers_of_64_bits_are_read(number: int) -> None:
    assert decode_object(f'{{"a":{number}}}'.encode(), max_bytes=100) == {"a": number}


@pytest.mark.parametrize("literal", ["-0", "-0.0", "1E3", "1e-7", "0.1", "1e22", "0e9", "0.0e-999"])
def test_numbers_in_every_honest_form_are_read(literal: str) -> None:
    assert decode_object(f'{{"a":{literal}}}'.encode(), max_bytes=100) == {"a": float(literal)}
