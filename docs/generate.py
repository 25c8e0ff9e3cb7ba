"""Writes the pages of `docs/reference/` from the code, so that they cannot fall behind it.

    python docs/generate.py           write the pages
    python docs/generate.py --check   compare them, and end with status 1 where one is out of step

The page about HTTP is the description that a server gives of itself, in another form.
"""

import ast
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import click

from tokenward import client, clock, errors, jose, server, tokens
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
from tokenward.server.endpoints.documentation.document import describe
from tokenward.server.endpoints.documentation.endpoints import DocumentationEndpoints
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


_HTTP_HEAD = f"""# HTTP

{_NOTE}

A server describes itself in the same words to programs at `/openapi.json` (OpenAPI 3.1), and shows that to people at
`/docs`; see [how to use the description](../how-to/use-the-description.md). The codes of errors are listed in
[errors.md](errors.md), and [how to administer](../how-to/administer.md) shows the paths of administrators at work.

An issuer with a path, such as `https://example.com/sso`, is served under that path as well as without it, and its
RFC 8414 metadata also at `/.well-known/oauth-authorization-server/sso`.

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
    document = http_description()
    lines = [_HTTP_HEAD + document["info"]["description"]]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += _operation(f"{method.upper()} {path}", operation, document["components"])
    members = document["components"]["schemas"]
    lines += [
        "## Answers\n",
        *(
            line
            for name in members
            if name not in _shown_above(document)
            for line in _type(name, members[name])
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"


def http_description() -> dict[str, Any]:
    """The OpenAPI document of a server with all that can be switched on."""
    return describe(
        routes(
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
            documentation=DocumentationEndpoints(),
        )
    )


def _operation(route: str, operation: dict[str, Any], components: dict[str, Any]) -> Iterator[str]:
    yield f"## `{route}`\n"
    yield operation["description"] + "\n"
    query = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
    if query:
        yield (
            "Query: "
            + ", ".join(f"`{parameter['name']}`" for parameter in query)
            + "; each may be left out.\n"
        )
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        body = components["schemas"][_name(content["application/json"]["schema"])]
        yield (
            "Body: "
            + " or ".join(f"`{kind}`" for kind in content)
            + f". {' '.join(body['description'].split())}\n"
        )
        yield from _members(body)
    yield from _answers(operation, components)


def _answers(operation: dict[str, Any], components: dict[str, Any]) -> Iterator[str]:
    refused: list[str] = []
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            # The name of each is its status and its codes.
            refused += [f"{status} `{code}`" for code in _name(answer).split(".")[1:]]
        elif "content" not in answer:
            yield f"Or else: {status}. {answer['description']}\n"
        elif "application/json" in answer["content"]:
            name = _name(answer["content"]["application/json"]["schema"])
            members = ", ".join(f"`{member}`" for member in components["schemas"][name]["properties"])
            yield f"Answer: {status}, [{name}](#{name.lower()}). Members: {members}.\n"
        else:
            yield f"Answer: {status}. Text: {', '.join(f'`{kind}`' for kind in answer['content'])}.\n"
    yield "Refused with: " + ", ".join(refused) + ".\n"


def _type(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    yield " ".join(schema["description"].split()) + "\n"
    yield from _members(schema)


def _shown_above(document: dict[str, Any]) -> set[str]:
    """The bodies, which stand beside the operations that read them."""
    return {
        _name(content["schema"])
        for methods in document["paths"].values()
        for operation in methods.values()
        for content in operation.get("requestBody", {"content": {}})["content"].values()
    }


def _members(schema: dict[str, Any]) -> Iterator[str]:
    yield "| Member | Type | | |"
    yield "|---|---|---|---|"
    for name, member in schema["properties"].items():
        needed = "required" if name in schema["required"] else "may be left out"
        yield f"| `{name}` | {' or '.join(_kinds(member))} | {needed} | {_told(member)} |"
    yield ""


def _kinds(schema: dict[str, Any]) -> Iterator[str]:
    """What a member may be, in the words of JSON."""
    if "anyOf" in schema:
        for kind in schema["anyOf"]:
            yield from _kinds(kind)
    elif "$ref" in schema:
        yield f"[{_name(schema)}](#{_name(schema).lower()})"
    elif "enum" in schema:
        yield from (f"`{value}`" for value in schema["enum"])
    elif schema["type"] == "array":
        yield "array of " + " or ".join(_kinds(schema["items"]))
    else:
        yield schema["type"]


def _told(schema: dict[str, Any]) -> str:
    """What is known of a member beside its type."""
    for one in (schema, *schema.get("anyOf", ())):
        if "description" in one:
            return " ".join(str(one["description"]).split())
    return ""


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


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
        "`tokenward.server` needs the extra `server`, its dependencies the extra `fastapi`; `Settings` takes",
        "[settings](settings.md) by name. What is not on this page is not public.",
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
        server: ("create_app", "Mounted", "Principal", "Account", "load_settings"),
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
        is_property = bool({"property", "cached_property"} & set(decorators))
        parameters = "" if is_property else f"({_parameters(method)}"
        kind = "class method " if "classmethod" in decorators else ""
        kind = "coroutine " if isinstance(method, ast.AsyncFunctionDef) else kind
        kind = "context manager " if "contextlib.asynccontextmanager" in decorators else kind
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
