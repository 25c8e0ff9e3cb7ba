"""Runs the Python blocks of a page, and checks what their comments say.

A page is run as printed but for one thing: where it fetches keys from a provider, a transport of the test answers.
A line `expression  # value` must give that value, and `expression  # raises Error` must raise it; for a refused token
with its reason and claim.
"""

import ast
import re
import sys
import tokenize
from collections.abc import Mapping
from io import StringIO
from types import ModuleType
from typing import Any

import pytest
from tests.docs.pages import blocks
from tests.docs.providers import AsyncPublished, Published

from tokenward.errors import Error

_FETCHES = re.compile(r'\b(Async)?(RemoteJWKSet(?:\.discover)?\((?:[A-Z_0-9]+|"https:[^"]*"))\)')


def run_page(
    page: str, documents: Mapping[str, Mapping[str, Any]] | None = None, **given: Any
) -> dict[str, Any]:
    """Run the blocks of a page one after the other, with the names that its reader has; the names at its end."""
    # A real module, for the annotations of a class are looked up in the module where it says that it is.
    module = ModuleType("the_page")
    published = Published(documents or {})
    vars(module).update(given, TRANSPORT=published, ASYNC_TRANSPORT=AsyncPublished(published))
    sys.modules[module.__name__] = module
    try:
        for number, block in enumerate(blocks(page, "python"), start=1):
            _run_block(f"{page}, block {number}", _FETCHES.sub(_with_transport, block), vars(module))
    finally:
        del sys.modules[module.__name__]
    return vars(module)


def _with_transport(fetch: re.Match[str]) -> str:
    transport = "ASYNC_TRANSPORT" if fetch[1] else "TRANSPORT"
    return f"{fetch[1] or ''}{fetch[2]}, transport={transport})"


def _run_block(name: str, program: str, namespace: dict[str, Any]) -> None:
    comments = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(StringIO(program).readline)
        if token.type == tokenize.COMMENT
    }
    for statement in ast.parse(program).body:
        said = comments.get(statement.end_lineno or 0, "")
        where = f"{name}: {ast.get_source_segment(program, statement)}"
        if not isinstance(statement, ast.Expr):
            exec(compile(ast.Module([statement], []), name, "exec"), namespace)  # noqa: S102 - our own pages
        elif said.startswith("raises "):
            _check_raised(statement, said.removeprefix("raises "), namespace, where)
        else:
            found = _value(statement.value, namespace)
            assert said or isinstance(statement.value, ast.Call), f"{where} shows nothing"
            if (tree := _expression(said, namespace)) is not None:
                assert found == _value(tree, namespace), where


def _check_raised(statement: ast.Expr, expected: str, namespace: dict[str, Any], where: str) -> None:
    with pytest.raises(Error) as caught:
        _value(statement.value, namespace)
    assert expected == (repr(caught.value) if "(" in expected else caught.type.__name__), where


def _expression(said: str, namespace: dict[str, Any]) -> ast.expr | None:
    """What a comment says, if it is a value and no sentence."""
    try:
        tree = ast.parse(said, mode="eval").body
    except SyntaxError:
        return None
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return tree if names <= {*namespace, "frozenset"} else None


def _value(tree: ast.expr, namespace: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(tree), "a page", "eval"), namespace)  # noqa: S307 - our own pages
