"""Holds answers to what the description says of them."""

import functools
import gzip
from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec
from docs.generate import http_description

from tokenward.server.endpoints.paths import Paths

# Where these are switched off nobody reads a description either.
_MAY_BE_OFF = ("/openapi.json", "/docs")


class Described(NamedTuple):
    """An operation of the document."""

    path: str
    method: str
    operation: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def id(self) -> str:
        return str(self.operation["operationId"])

    @property
    def body(self) -> dict[str, Any] | None:
        """What the JSON body is said to be, with its example."""
        body: dict[str, dict[str, dict[str, Any]]] = self.operation.get("requestBody", {"content": {}})
        return body["content"].get("application/json")


@functools.cache
def document() -> dict[str, Any]:
    """The description, as a server gives it."""
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(http_description()))
    return decoded


def operations() -> list[Described]:
    return [
        Described(path, method.upper(), operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to, or the part itself."""
    if "$ref" not in part:
        return part
    found: Any = document()
    for name in str(part["$ref"]).removeprefix("#/").split("/"):
        found = found[name]
    assert isinstance(found, dict)
    return found


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """A validator of a schema in the document, which may refer to the components."""
    whole = {"components": document()["components"], "allOf": [schema]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=False)


def check_described(
    method: str, path: str, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Fail if the description does not foresee this answer of the server."""
    asked = "GET" if method == "HEAD" else method
    match = _paths().find(path)
    if match is None or asked not in map(str.upper, match.target):
        return
    if status == 404 and match.route.startswith(_MAY_BE_OFF):
        return
    named = {name.decode().lower(): value.decode("latin-1") for name, value in headers}
    if method == "HEAD":
        body = b""
    elif named.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    wrong = list(_differences(f"{asked} {match.route}", status, named, body))
    assert wrong == [], wrong


def _differences(name: str, status: int, headers: dict[str, str], body: bytes) -> Iterator[str]:
    method, path = name.split()
    responses = document()["paths"][path][method.lower()]["responses"]
    if str(status) not in responses:
        yield f"{name} answered {status} {body[:200]!r}, which is not described"
        return
    response = resolved(responses[str(status)])
    for header in response["headers"]:
        if header.lower() not in headers:
            yield f"{name} answered {status} without {header}, which is described"
    content = response.get("content", {})
    kind = headers.get("content-type", "").partition(";")[0]
    if status == 304 or not body:
        return
    if kind not in content:
        yield f"{name} answered {status} with {kind}, and {list(content)} is described"
    elif kind.endswith("json"):
        for error in _validator(path, method, str(status), kind).iter_errors(msgspec.json.decode(body)):
            yield f"{name} answered {status}: {error.instance_path} {error.message}"


@functools.cache
def _validator(path: str, method: str, status: str, kind: str) -> jsonschema_rs.Draft202012Validator:
    response = resolved(document()["paths"][path][method.lower()]["responses"][status])
    return validator(response["content"][kind]["schema"])


@functools.cache
def _paths() -> Paths[dict[str, Any]]:
    return Paths(document()["paths"])
