"""The document itself: everything is described, every reference leads somewhere, every example fits."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from docs.generate import http_description
from tests.openapi.description import Described, document, operations, resolved, validator

from tokenward.protocol.errors import ERROR_CODES
from tokenward.server.endpoints.documentation.described import NotDescribed
from tokenward.server.endpoints.documentation.document import describe
from tokenward.server.endpoints.documentation.schemas import form_of
from tokenward.server.endpoints.messages import Request, Response

OPERATIONS = operations()


def within(part: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(part, dict):
        yield part
        for inner in part.values():
            yield from within(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from within(inner)


def test_every_route_is_described() -> None:
    # An endpoint without `@described` fails here, and the message says which one.
    http_description()


def test_an_endpoint_that_says_nothing_of_itself_is_named() -> None:
    async def count_sheep(_: Request) -> Response:
        return Response(200, b"")

    with pytest.raises(NotDescribed, match=r"count_sheep has no @described.*CONTRIBUTING.md"):
        describe({"/sheep": {"GET": count_sheep}})


def test_it_says_which_version_of_openapi_it_is_of() -> None:
    assert document()["openapi"].startswith("3.1.")


def test_every_operation_has_a_stable_name_of_its_own() -> None:
    ids = [one.id for one in OPERATIONS]
    assert len(set(ids)) == len(ids) > 35
    assert [one for one in ids if not re.fullmatch(r"[a-z][A-Za-z]+", one)] == []


def test_every_operation_has_a_summary_a_tag_and_an_answer() -> None:
    tags = {tag["name"] for tag in document()["tags"]}
    for one in OPERATIONS:
        assert 5 < len(one.operation["summary"]) < 100, one.name
        assert one.operation["description"].startswith(one.operation["summary"][:1]), one.name
        assert set(one.operation["tags"]) <= tags, one.name
        assert len(one.operation["tags"]) == 1, one.name
        assert any(status.startswith("2") for status in one.operation["responses"]), one.name


def test_every_reference_leads_somewhere() -> None:
    references = [part for part in within(document()) if "$ref" in part]
    assert len(references) > 100
    for reference in references:
        assert resolved(reference)


def test_nothing_is_declared_that_nobody_uses() -> None:
    used = {part["$ref"] for part in within(document()) if "$ref" in part}
    components = document()["components"]
    declared = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "headers")
        for name in components[kind]
    }
    assert declared - used == set()


def test_every_object_is_closed_but_those_that_are_no_types_of_ours() -> None:
    open_schemas = [
        name
        for name, schema in document()["components"]["schemas"].items()
        if schema.get("additionalProperties") is not False
    ]
    assert open_schemas == []


def test_addresses_are_relative_so_that_they_are_true_wherever_it_is_served() -> None:
    text = json.dumps({name: part for name, part in document().items() if name != "paths"})
    assert re.findall(r"https?://[^\s\"]+", text) == []
    assert [server["url"] for server in document()["servers"]] == ["."]


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.id)
def test_every_example_fits_its_own_description(one: Described) -> None:
    contents = dict(one.operation.get("requestBody", {"content": {}})["content"])
    for kind, content in contents.items():
        validator(content["schema"]).validate(content["example"])
        assert content["example"], (one.name, kind)
    for status, response in one.operation["responses"].items():
        for content in resolved(response).get("content", {}).values():
            if status.startswith("2"):
                validator(content["schema"]).validate(content["example"])
    for parameter in one.operation["parameters"]:
        if "example" in parameter:
            validator(parameter["schema"]).validate(parameter["example"])


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.id)
def test_every_path_parameter_is_described_and_no_other(one: Described) -> None:
    described = [parameter["name"] for parameter in one.operation["parameters"] if parameter["in"] == "path"]
    assert described == re.findall(r"{(\w+)}", one.path)


def test_every_error_code_has_the_status_that_the_list_gives_it() -> None:
    for name, response in document()["components"]["responses"].items():
        (schema,) = (content["schema"] for content in response["content"].values())
        narrowed = schema["allOf"][1]["properties"]
        for code in narrowed["code"]["enum"]:
            assert ERROR_CODES[code].status == narrowed["status"]["const"], name


def test_every_error_of_the_list_that_http_can_answer_stands_at_an_operation() -> None:
    told = {
        code
        for response in document()["components"]["responses"].values()
        for content in response["content"].values()
        for code in content["schema"]["allOf"][1]["properties"]["code"]["enum"]
    }
    # The first is answered where the path has no such method, and the next by the routes of an application around a
    # mounted server; the others are of verifiers and clients elsewhere.
    elsewhere = {
        "method_not_allowed",
        "insufficient_scope",
        "keys_unavailable",
        "sign_in_required",
        "issuer_unavailable",
        "token_store_unavailable",
    }
    assert set(ERROR_CODES) - told == elsewhere


def test_a_form_knows_no_null() -> None:
    schema = {
        "properties": {
            "a": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "description": "An a."}
        },
        "required": [],
    }
    assert form_of(schema, ("b",))["properties"] == {
        "a": {"type": "string", "description": "An a."},
        "b": {"type": "string", "description": "Means nothing here and is ignored."},
    }
