"""Writes the pages of `docs/reference/` from the code, so that they cannot fall behind it.

    python docs/generate.py           write the pages
    python docs/generate.py --check   compare them, and end with status 1 where one is out of step

What stands in no code is kept here: the members of each answer (`ANSWERS`), which a test compares with what a real
server answers.
"""

import ast
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import click
import msgspec

from tokenward import client, clock, errors, jose, tokens
from tokenward.cli.commands import cli
from tokenward.protocol.errors import ERROR_CODES
from tokenward.server.endpoints.admin.accounts import AdminAccountEndpoints
from tokenward.server.endpoints.admin.audit import AdminAuditEndpoints
from tokenward.server.endpoints.admin.endpoints import AdminEndpoints
from tokenward.server.endpoints.admin.keys import AdminKeyEndpoints
from tokenward.server.endpoints.admin.revocations import AdminRevocationEndpoints
from tokenward.server.endpoints.admin.sessions import AdminSessionEndpoints
from tokenward.server.endpoints.api.auth import AuthEndpoints
from tokenward.server.endpoints.api.own_sessions import OwnSessionEndpoints
from tokenward.server.endpoints.api.users import UserEndpoints
from tokenward.server.endpoints.operations import OperationsEndpoints
from tokenward.server.endpoints.routes import routes
from tokenward.server.endpoints.well_known import WellKnownEndpoints
from tokenward.server.settings import settings_reference
from tokenward.tokens import remote_jwks

FOLDER = Path(__file__).parent / "reference"
_NOTE = "Generated from the code; do not edit by hand."
# Pages that are made by what they tell of, with the other libraries and node at hand.
_MADE_BY_TESTS = {"attacks.md", "conformance.md"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
# Names for types that also say what the decoder demands; to a reader they are these.
_PLAIN_TYPES = {
    "Name": "str",
    "_Names": "tuple[str, ...]",
    "_Time": "int",
    "_Token": "str",
    "_Seconds": "int",
    "OnChange": "Callable[[JWKSet | None, JWKSet], None]",
}
_COMMAND = "Write it anew with: .venv/bin/python docs/generate.py"


class Answer(NamedTuple):
    """What a route answers when all is well: the status, and the members of its JSON object or another text.

    `instead` is what a request may bring in place of an access token.
    """

    status: int
    members: tuple[str, ...] = ()
    text: str = ""
    instead: str = ""


USER = ("id", "email", "username", "name", "roles", "created_at", "updated_at")
_TOKENS = ("access_token", "token_type", "expires_in", "refresh_token", "scope")
_PAGE = ("items", "next_cursor")
_RECEIPT = ("ended_sessions", "revoked_from")
ADMINISTERED = (*USER, "disabled_at")
_CHANGED = ("account", "revoked_from")
_METADATA = (
    "issuer",
    "jwks_uri",
    "response_types_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "scopes_supported",
)
_OPENID = ("subject_types_supported", "id_token_signing_alg_values_supported")

ANSWERS = {
    "POST /api/v1/auth/register": Answer(201, ("user",)),
    "POST /api/v1/auth/login": Answer(200, (*_TOKENS, "user")),
    "POST /api/v1/auth/refresh": Answer(200, _TOKENS),
    "POST /api/v1/auth/logout": Answer(200, _RECEIPT, instead="or else the refresh token in the body"),
    "POST /api/v1/auth/logout-everywhere": Answer(200, _RECEIPT),
    "GET /api/v1/users/me": Answer(200, USER),
    "PATCH /api/v1/users/me": Answer(200, USER),
    "DELETE /api/v1/users/me": Answer(200, _RECEIPT),
    "GET /api/v1/users/me/export": Answer(200, _PAGE),
    "POST /api/v1/users/me/password": Answer(200, (*_TOKENS, *_RECEIPT)),
    "GET /api/v1/users/me/sessions": Answer(200, _PAGE),
    "DELETE /api/v1/users/me/sessions": Answer(200, _RECEIPT),
    "DELETE /api/v1/users/me/sessions/{sid}": Answer(200, _RECEIPT),
    "GET /api/v1/admin/accounts": Answer(200, _PAGE),
    "POST /api/v1/admin/accounts": Answer(201, ADMINISTERED),
    "GET /api/v1/admin/accounts/{sub}": Answer(200, ADMINISTERED),
    "DELETE /api/v1/admin/accounts/{sub}": Answer(200, _RECEIPT),
    "POST /api/v1/admin/accounts/{sub}/disable": Answer(200, _CHANGED),
    "POST /api/v1/admin/accounts/{sub}/enable": Answer(200, _CHANGED),
    "PUT /api/v1/admin/accounts/{sub}/roles": Answer(200, _CHANGED),
    "PUT /api/v1/admin/accounts/{sub}/password": Answer(200, _CHANGED),
    "GET /api/v1/admin/accounts/{sub}/sessions": Answer(200, _PAGE),
    "DELETE /api/v1/admin/accounts/{sub}/sessions": Answer(200, _RECEIPT),
    "GET /api/v1/admin/sessions": Answer(200, _PAGE),
    "DELETE /api/v1/admin/sessions/{sid}": Answer(200, _RECEIPT),
    "GET /api/v1/admin/keys": Answer(200, _PAGE),
    "POST /api/v1/admin/keys/rotate": Answer(200, ("done",)),
    "GET /api/v1/admin/keys/{kid}/impact": Answer(200, ("key", "consequences", "ended_sessions", "next_kid")),
    "POST /api/v1/admin/keys/{kid}/revoke": Answer(200, ("kid", "revoked_from")),
    "GET /api/v1/admin/revocations": Answer(200, _PAGE),
    "POST /api/v1/admin/revocations": Answer(200, ("scope", "value", "revoked_from")),
    "GET /api/v1/admin/audit": Answer(200, _PAGE),
    "GET /.well-known/jwks.json": Answer(200, ("keys",)),
    "GET /.well-known/openid-configuration": Answer(200, (*_METADATA, *_OPENID)),
    "GET /.well-known/oauth-authorization-server": Answer(200, _METADATA),
    "GET /healthz": Answer(200, ("status",)),
    "GET /readyz": Answer(200, ("status",)),
    "GET /metrics": Answer(200, (), "Text in the Prometheus exposition format."),
}

_HTTP_HEAD = f"""# HTTP

{_NOTE}

Every answer to a request carries `X-Request-Id`; the log has what happened under that id. `HEAD` is answered wherever
`GET` is.

An error is a problem document of RFC 9457 (`application/problem+json`) with the members `type`, `title`, `status`,
`code`, `detail` and `request_id`. Compare `code`, which is stable; `detail` is for people. The codes are listed in
[errors.md](errors.md). What is refused before it is a request (a head that is too long, too slow or not HTTP) is
answered in the same form without `request_id`.

An access token travels in the header `Authorization: Bearer TOKEN` and nowhere else: a request with a token or a
password in its URL is refused. A body may have no member that its table does not list,
and none twice; in a form, `grant_type`, `scope`, `client_id` and `client_secret` are ignored. A request
with an `Origin` header of another site is refused by the paths under `/api/v1/auth/`.

An issuer with a path, such as `https://example.com/sso`, is served under that path as well as without it, and its
RFC 8414 metadata also at `/.well-known/oauth-authorization-server/sso`.

A list answers a page: `items`, and `next_cursor`, which is `null` at the end and else the `cursor` of the next page. It
takes `limit` (1 to 200, or 50) and `cursor` in its query, and refuses parameters that it does not know.

Under `/api/v1/admin/` the account of the token needs the role `admin`, now and when the token was issued; without it
the answer is 403 `insufficient_role`. An `account` there is a `user` with `disabled_at` besides.
[How to administer](../how-to/administer.md) shows all of it.

A `user` has the members {", ".join(f"`{member}`" for member in USER)}; times are seconds since 1970, in UTC.
`ended_sessions` counts the sessions that were ended. `revoked_from` is the place in the
revocation log from which their tokens are refused; this server is there before it answers its next request.
"""


def pages() -> dict[str, str]:
    """The text of every page, by file name."""
    return {
        "settings.md": settings_reference(),
        "errors.md": errors_page(),
        "http.md": http_page(),
        "commands.md": commands_page(),
        "python.md": python_page(),
    }


def errors_page() -> str:
    """The closed list of error codes."""
    rows = (
        f"| `{entry.code}` | {entry.status} | {entry.meaning} | {entry.what_to_do} |"
        for entry in ERROR_CODES.values()
    )
    lines = [
        "# Error codes",
        "",
        _NOTE,
        "",
        "The list is closed, and a code keeps its status and its meaning for ever.",
        "",
        "| Code | Status | Meaning | What to do |",
        "|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def http_page() -> str:
    """Every path and method, with what the code says of them."""
    table = routes(
        issuer="https://auth.example.com",
        # Only their functions are looked at; nothing is called, so nothing needs to be built.
        auth=object.__new__(AuthEndpoints),
        users=object.__new__(UserEndpoints),
        own_sessions=object.__new__(OwnSessionEndpoints),
        well_known=object.__new__(WellKnownEndpoints),
        operations=object.__new__(OperationsEndpoints),
        admin=AdminEndpoints(
            object.__new__(AdminAccountEndpoints),
            object.__new__(AdminSessionEndpoints),
            object.__new__(AdminKeyEndpoints),
            object.__new__(AdminRevocationEndpoints),
            object.__new__(AdminAuditEndpoints),
        ),
    )
    lines = [_HTTP_HEAD]
    for path, methods in table.items():
        for method, handler in methods.items():
            lines += _route(f"{method} {path}", handler)
    return "\n".join(lines).rstrip() + "\n"


def _route(route: str, handler: Callable[..., Any]) -> Iterator[str]:
    answer = ANSWERS[route]
    source = _Handler(handler)
    yield f"## `{route}`\n"
    doc = _inline(handler.__doc__ or "")
    doc = re.sub(r"^`[A-Z]+ [^`]+`(: |\.\s*)", "", doc)
    if doc:
        yield doc[:1].upper() + doc[1:] + "\n"
    if source.guarded:
        whose = " of an account with the role `admin`" if source.administrators else ""
        yield f"Needs an access token{whose}" + (f", {answer.instead}" if answer.instead else "") + ".\n"
    if source.query:
        yield "Query: " + ", ".join(f"`{name}`" for name in source.query) + "; each may be left out.\n"
    for body in source.bodies:
        kinds = (
            "`application/json` or `application/x-www-form-urlencoded`"
            if source.form
            else "`application/json`"
        )
        yield f"Body: {kinds}. {_inline(body.__doc__ or '')}\n"
        yield from _fields(body)
    members = ", ".join(f"`{member}`" for member in answer.members)
    yield f"Answer: {answer.status}. {answer.text or 'Members: ' + members + '.'}\n"


def _fields(body: type[msgspec.Struct]) -> Iterator[str]:
    yield "| Member | Type | |"
    yield "|---|---|---|"
    for field in msgspec.structs.fields(body):
        shown = " or ".join(_kinds(field.type))
        yield f"| `{field.name}` | {shown} | {'required' if field.required else 'may be left out'} |"
    yield ""


def _kinds(annotation: Any) -> Iterator[str]:
    """What a member may be, in the words of JSON."""
    if isinstance(annotation, types.UnionType):
        for kind in get_args(annotation):
            yield from _kinds(kind)
    elif get_origin(annotation) is Literal:
        yield from (f"`{value}`" for value in get_args(annotation))
    elif get_origin(annotation) is tuple:
        yield "array of " + " or ".join(f"{kind}s" for kind in _kinds(get_args(annotation)[0]))
    elif annotation is not msgspec.UnsetType:
        names = {str: "string", bool: "boolean", int: "number", types.NoneType: "null"}
        yield names.get(annotation, str(annotation))


class _Handler:
    """What the source of a handler, and of the methods of its own class that it calls, says of a request."""

    def __init__(self, handler: Callable[..., Any]) -> None:
        self.bodies: list[type[msgspec.Struct]] = []
        self.form = False
        self.guarded = False
        self.administrators = False
        self.query: list[str] = []
        self._owner = type(handler.__self__) if inspect.ismethod(handler) else None
        self._read(handler)

    def _read(self, function: Callable[..., Any]) -> None:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func)
            if called in ("read_json", "read_json_or_form"):
                self.form |= called == "read_json_or_form"
                self.bodies.append(inspect.getmodule(function).__dict__[ast.unparse(call.args[1])])
            elif called in ("self._guard.check", "self._signed_in.check"):
                self.guarded = True
            elif called == "self._admins.check":
                self.guarded = self.administrators = True
            elif called == "read_paging":
                self.query = ["limit", "cursor", *(str(ast.literal_eval(name)) for name in call.args[1:])]
            elif called.count(".") == 1 and called.startswith("self."):
                self._read(inspect.getattr_static(self._owner, called.removeprefix("self.")))


def commands_page() -> str:
    """The help of every command."""
    lines = [
        "# Commands",
        "",
        _NOTE,
        "",
        "Exit status: 0 done; 1 refused or failed (standard error says why; from `doctor`: something is wrong); 2",
        "wrong usage, or a yes is needed and there is no terminal to ask at (`--yes` gives it). Commands work on the",
        "data folder itself, beside a running server or without one; `restore` and `keys reset` need it stopped. Only",
        "`serve`, `accounts create`, `migrate` and `restore` make a database where there is none; the others refuse.",
        "Settings come from the same places as the server's;",
        "see [settings.md](settings.md). `login`, `logout` and `token` are for people who use a server: they need the",
        "extra `client` and no data folder, and end with status 3 when nobody is signed in.",
        "",
    ]
    lines += _command(cli, click.Context(cli, info_name="tokenward"))
    return "\n".join(lines).rstrip() + "\n"


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## `{context.command_path}`\n"
    yield _inline(command.help or "", keep_paragraphs=True) + "\n"
    yield f"    {context.command_path} {' '.join(command.collect_usage_pieces(context))}\n"
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    if records:
        yield "| Option | |"
        yield "|---|---|"
        for names, text in records:
            yield f"| `{names}` | {text} |"
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _command(inner, click.Context(inner, parent=context, info_name=name))


def python_page() -> str:
    """The public names of the packages that applications import."""
    lines = [
        "# Python",
        "",
        _NOTE,
        "",
        "`pip install tokenward` brings these packages, `cryptography` and `msgspec`. Nothing but `RemoteJWKSet`,",
        "`AsyncRemoteJWKSet` and `tokenward.client` touches the network; `tokenward.client` needs the extra `client`.",
        "What is not on this page is not public.",
        "",
    ]
    public: dict[types.ModuleType, tuple[str, ...]] = {
        tokens: tuple(tokens.__all__),
        # The two sources stand under `tokenward.tokens`, where they are imported from.
        remote_jwks: tuple(name for name in remote_jwks.__all__ if name not in tokens.__all__),
        jose: tuple(jose.__all__),
        client: tuple(client.__all__),
        errors: ("Error", "InvalidToken", "InvalidRequest", "ConfigurationError"),
        clock: ("Clock", "SystemClock", "FakeClock"),
    }
    for module, names in public.items():
        lines += [f"## `{module.__name__}`\n", _prose(module.__doc__ or "") + "\n"]
        for name in names:
            lines += _public(name, getattr(module, name))
    return "\n".join(lines).rstrip() + "\n"


def _public(name: str, thing: object) -> Iterator[str]:
    if inspect.isfunction(thing):
        yield f"### `{name}({_parameters(_function(thing))}`\n"
        yield _prose(thing.__doc__ or "") + "\n"
    elif inspect.isclass(thing):
        yield from _class(name, thing)
    elif isinstance(thing, types.UnionType):
        yield f"### `{name}`\n"
        yield "One of " + ", ".join(f"`{kind.__name__}`" for kind in get_args(thing)) + ".\n"
    else:
        yield f"### `{name}`\n"
        yield f"`{thing!r}`\n"


def _class(name: str, thing: type) -> Iterator[str]:
    functions = {node.name: node for node in _own_and_inherited(thing)}
    constructor = functions.get("__init__")
    shown = constructor is not None and not issubclass(thing, Exception)
    yield f"### class `{name}{f'({_parameters(constructor)}' if shown and constructor else ''}`\n"
    yield _prose(inspect.getdoc(thing) or "") + "\n"
    if fields := [field for field in _attributes(thing) if not field.startswith("_")]:
        yield "Attributes: " + ", ".join(f"`{field}`" for field in fields) + ".\n"
    methods = [method for method in functions.values() if not method.name.startswith("_")]
    for method in methods:
        decorators = [ast.unparse(decorator) for decorator in method.decorator_list]
        parameters = "" if "property" in decorators else f"({_parameters(method)}"
        kind = "class method " if "classmethod" in decorators else ""
        kind = "coroutine " if isinstance(method, ast.AsyncFunctionDef) else kind
        documented = _prose(ast.get_docstring(method) or "", within_list=True)
        yield f"- {kind}`{method.name}{parameters}`: {documented}"
    if methods:
        yield ""


def _own_and_inherited(thing: type) -> Iterator[_Function]:
    """The methods of a class, those of our own base classes first; a later one of the same name wins.

    Of a profile only what its tokens have: the rest says how it is checked, and stands at `VerifiedToken` once.
    """
    is_profile = issubclass(thing, tokens.VerifiedToken) and thing is not tokens.VerifiedToken
    for kind in reversed(thing.__mro__):
        if kind.__module__.startswith("tokenward."):
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
            for node in ast.iter_child_nodes(tree):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
                if "overload" not in decorators and not (is_profile and "property" not in decorators):
                    yield node


def _attributes(thing: type) -> Iterator[str]:
    """The fields of a class as the source spells them, those of our own base classes first."""
    for kind in reversed(thing.__mro__):
        if kind.__module__.startswith("tokenward."):
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
            for node in ast.iter_child_nodes(tree):
                if isinstance(node, ast.AnnAssign) and not ast.unparse(node.annotation).startswith(
                    "ClassVar"
                ):
                    kind_of_value = ast.unparse(node.annotation)
                    for name, plain in _PLAIN_TYPES.items():
                        kind_of_value = re.sub(rf"\b{name}\b", plain, kind_of_value)
                    text = f"{ast.unparse(node.target)}: {kind_of_value}"
                    yield re.sub(r"Annotated\[(\w+), msgspec\.Meta\([^)]*\)\]", r"\1", text)


def _function(thing: Callable[..., Any]) -> _Function:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(thing))).body
    if not isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        msg = f"{thing.__name__} is no plain function"
        raise TypeError(msg)
    return tree


def _parameters(function: _Function) -> str:
    """The parameters as the source spells them, without `self`, and what is returned."""
    text = re.sub(r"^(self|cls)(, |$)", "", ast.unparse(function.args))
    if function.returns is None or function.name == "__init__":
        return f"{text})"
    return f"{text}) -> {ast.unparse(function.returns)}"


def _inline(docstring: str, *, keep_paragraphs: bool = False) -> str:
    """A docstring without `Raises`, on one line for each paragraph."""
    text = re.split(r"\n\s*Raises:\s*\n", inspect.cleandoc(docstring))[0]
    paragraphs = [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text)]
    return ("\n\n" if keep_paragraphs else " ").join(paragraphs).strip()


def _prose(docstring: str, *, within_list: bool = False) -> str:
    """A docstring as Markdown: `Args` and `Raises` become lists, or a sentence within a list."""
    blocks: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        head, _, rest = paragraph.partition("\n")
        if head in ("Args:", "Raises:"):
            entries = _entries(rest)
            title = {"Args:": "Arguments", "Raises:": "Raises"}[head]
            if within_list:
                blocks.append(f"{title} {'; '.join(entries)}")
            else:
                blocks.append(f"{title}:\n\n" + "\n".join(f"- {entry}" for entry in entries))
        else:
            blocks.append(" ".join(paragraph.split()))
    return (" " if within_list else "\n\n").join(blocks)


def _entries(text: str) -> list[str]:
    """The entries `name: text` of a section; lines that begin no entry belong to the one before."""
    entries: list[str] = []
    for line in textwrap.dedent(text).splitlines():
        match = re.match(r"([A-Za-z_]+(?:, [A-Za-z_]+)*): (.*)", line)
        if match:
            entries.append(", ".join(f"`{name}`" for name in match[1].split(", ")) + f": {match[2].strip()}")
        elif entries:
            entries[-1] += " " + line.strip()
        else:
            entries.append(line.strip())
    return entries


def out_of_step(wanted: Mapping[str, str]) -> list[str]:
    """The names of pages that are missing, differ, or that nothing generates any more."""
    there = {
        path.name: path.read_text(encoding="utf-8")
        for path in FOLDER.glob("*.md")
        if path.name not in _MADE_BY_TESTS
    }
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    """Write or compare; return the exit status."""
    wanted = pages()
    if arguments == ["--check"]:
        stale = out_of_step(wanted)
        for name in stale:
            sys.stderr.write(f"docs/reference/{name} is out of step with the code. {_COMMAND}\n")
        return 1 if stale else 0
    if arguments:
        sys.stderr.write(f"{inspect.cleandoc(__doc__ or '')}\n")
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
