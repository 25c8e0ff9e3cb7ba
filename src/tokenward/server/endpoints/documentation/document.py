"""The OpenAPI 3.1 document, put together from the routes and what is declared beside each endpoint."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from tokenward import __version__
from tokenward.protocol.errors import ErrorCode
from tokenward.server.endpoints.documentation.described import Access, Operation, Text, get_operation
from tokenward.server.endpoints.documentation.fields import EXAMPLE_KID, EXAMPLE_SID, EXAMPLE_SUB
from tokenward.server.endpoints.documentation.preface import PREFACE, TAGS, tag_of
from tokenward.server.endpoints.documentation.refusals import headers_of_refusal, refusals
from tokenward.server.endpoints.documentation.schemas import (
    Schema,
    components_of,
    form_of,
    leave_out_defaults,
    prose,
    reference,
)
from tokenward.server.endpoints.error_responses import Problem
from tokenward.server.login import FIRST_PARTY_SCOPE

Handlers: TypeAlias = Mapping[str, Mapping[str, Callable[..., Any]]]

_LOGIN = "api/v1/auth/login"
_HEADERS: dict[str, Schema] = {
    "X-Request-Id": {
        "description": "The id of this request in the log.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Cache-Control": {
        "description": "Whether and for how long the answer may be kept.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The version of what was answered, to send in `If-None-Match`.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "The scheme that is wanted, and what was wrong with the token (RFC 6750 section 3).",
        "required": True,
        "schema": {"type": "string"},
    },
}
_PATH_PARAMETERS: dict[str, tuple[str, str]] = {
    "sub": ("The `id` of the account.", EXAMPLE_SUB),
    "sid": ("The `id` of the session.", EXAMPLE_SID),
    "kid": ("The `kid` of the key.", EXAMPLE_KID),
    "file": ("The name of a file of the page.", "swagger-ui.css"),
}
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.ANYBODY: [],
    Access.TOKEN: [{"bearer": []}, {"password": [FIRST_PARTY_SCOPE]}],
    Access.ADMIN: [{"bearer": []}, {"password": [FIRST_PARTY_SCOPE]}],
    Access.TOKEN_OR_BODY: [{"bearer": []}, {"password": [FIRST_PARTY_SCOPE]}, {}],
}

_SECURITY_SCHEMES: dict[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token that was issued already.",
    },
    "password": {
        "type": "oauth2",
        "description": "Sign in with user name (or e-mail address) and password.",
        "flows": {
            "password": {
                "tokenUrl": _LOGIN,
                "refreshUrl": "api/v1/auth/refresh",
                "scopes": {FIRST_PARTY_SCOPE: "All that the account may do here."},
            }
        },
    },
}


def describe(routes: Handlers) -> dict[str, Any]:
    """The document for these routes, as values of JSON.

    Addresses in it are relative to its own, so that it is true wherever it is served.

    Raises:
        NotDescribed: an endpoint says nothing of itself.
    """
    described = {
        (path, method): (handler, get_operation(handler))
        for path, methods in routes.items()
        for method, handler in methods.items()
    }
    operations = [operation for _, operation in described.values()]
    schemas, queries = _schemas(operations)
    paths: dict[str, Schema] = {path: {} for path in routes}
    responses: dict[str, Schema] = {}
    for (path, method), (handler, operation) in described.items():
        paths[path][method.lower()] = _operation(path, handler, operation, queries)
        for codes in refusals(operation).values():
            responses[_name_of_refusal(codes)] = _refusal(codes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tokenward",
            "summary": "Sign-in for APIs with JSON Web Tokens.",
            "description": PREFACE,
            # A name only: with an identifier the page would show a link to somebody else's site.
            "license": {"name": "Apache License 2.0"},
            "version": __version__,
        },
        "servers": [{"url": ".", "description": "The server that this description comes from."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": dict(sorted(responses.items())),
            "headers": _HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _schemas(operations: list[Operation]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The schemas of bodies and answers, and those of queries, by name."""
    bodies = {type(operation.body): operation for operation in operations if operation.body is not None}
    answers = {
        type(operation.answer) for operation in operations if isinstance(operation.answer, msgspec.Struct)
    }
    schemas = components_of([*bodies, *answers, Problem])
    for body, operation in bodies.items():
        leave_out_defaults(schemas[body.__name__])
        if operation.form is not None:
            schemas[_form_name(body)] = form_of(schemas[body.__name__], operation.form, operation.json_only)
    queries = {operation.query for operation in operations if operation.query is not None}
    return schemas, components_of(queries)


def _operation(
    path: str, handler: Callable[..., Any], operation: Operation, queries: dict[str, Schema]
) -> Schema:
    summary, description = _texts(handler)
    if operation.access is not Access.ANYBODY:
        description += f"\n\nNeeds {operation.access.value}."
    parameters = [_path_parameter(name) for name in re.findall(r"{(\w+)}", path)]
    if operation.query is not None:
        properties = queries[operation.query.__name__]["properties"]
        parameters += [_parameter("query", name, dict(schema)) for name, schema in properties.items()]
    if operation.conditional:
        text = "The ETag of an earlier answer; if it is still the same, this one is 304 without a body."
        parameters.append(_parameter("header", "If-None-Match", {"type": "string", "description": text}))
    found: Schema = {
        "operationId": operation.id,
        "tags": [tag_of(path)],
        "summary": summary,
        "description": description,
        "security": _SECURITY[operation.access],
        "parameters": parameters,
        "responses": _responses(operation),
    }
    if operation.body is not None:
        found["requestBody"] = _request_body(operation, operation.body)
    return found


def _texts(handler: Callable[..., Any]) -> tuple[str, str]:
    """Summary and description, from the docstring; it begins with the method and path for readers of the code."""
    text = re.sub(r"^`[A-Z]+ [^`]+`: ", "", prose(handler.__doc__ or ""))
    text = text[:1].upper() + text[1:]
    return re.split(r"[.:;](?:\s|$)", text, maxsplit=1)[0], text


def _path_parameter(name: str) -> Schema:
    text, example = _PATH_PARAMETERS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": {"type": "string"},
        "example": example,
    }


def _parameter(place: str, name: str, schema: Schema) -> Schema:
    text = schema.pop("description", None)
    parameter: Schema = {"name": name, "in": place, "required": False, "schema": schema}
    return parameter if text is None else {**parameter, "description": text}


def _request_body(operation: Operation, body: msgspec.Struct) -> Schema:
    kind = type(body)
    example = _example(body)
    content: Schema = {"application/json": {"schema": reference(kind.__name__), "example": example}}
    if operation.form is not None:
        content["application/x-www-form-urlencoded"] = {
            "schema": reference(_form_name(kind)),
            "example": example,
        }
    return {"required": operation.access is not Access.TOKEN_OR_BODY, "content": content}


def _responses(operation: Operation) -> Schema:
    answer = operation.answer
    names = ["Cache-Control", "X-Request-Id", *(["ETag"] if operation.conditional else [])]
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    if isinstance(answer, Text):
        content: Schema = {
            kind: {"schema": {"type": "string"}, "example": answer.example} for kind in answer.media_types
        }
        text = "Done."
    else:
        example = msgspec.json.decode(msgspec.json.encode(answer))
        content = {"application/json": {"schema": reference(type(answer).__name__), "example": example}}
        text = prose(type(answer).__doc__ or "")
    responses: Schema = {str(operation.status): {"description": text, "headers": headers, "content": content}}
    if operation.conditional:
        responses["304"] = {"description": "Nothing has changed.", "headers": headers}
    for status, codes in refusals(operation).items():
        responses[str(status)] = {"$ref": f"#/components/responses/{_name_of_refusal(codes)}"}
    return responses


def _name_of_refusal(codes: list[ErrorCode]) -> str:
    return ".".join((str(codes[0].status), *(entry.code for entry in codes)))


def _refusal(codes: list[ErrorCode]) -> Schema:
    """A problem document with one of these codes, which have one status."""
    narrowed = {
        "type": "object",
        "properties": {
            "status": {"const": codes[0].status},
            "code": {"enum": [entry.code for entry in codes]},
        },
    }
    return {
        "description": "\n".join(f"- `{entry.code}`: {entry.meaning} {entry.what_to_do}" for entry in codes),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers_of_refusal(codes)},
        "content": {"application/problem+json": {"schema": {"allOf": [reference("Problem"), narrowed]}}},
    }


def _example(body: msgspec.Struct) -> Schema:
    """The members that somebody would send: those that are not left at their defaults."""
    members: Schema = msgspec.json.decode(msgspec.json.encode(body))
    return {
        field.name: members[field.name]
        for field in msgspec.structs.fields(body)
        if field.name in members and getattr(body, field.name) != field.default
    }


def _form_name(body: type[msgspec.Struct]) -> str:
    return f"{body.__name__}Form"
