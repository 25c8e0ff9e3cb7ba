"""What is declared beside an endpoint, for the description of the interface. It changes nothing of what it decorates.

The types of body and answer are those that are parsed and encoded; examples are instances of them, so the type
checker reads them too. What an endpoint says in prose stands in its docstring.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

import msgspec

F = TypeVar("F", bound=Callable[..., Any])

_NAME = "described"


class Access(Enum):
    """What whoever asks has to bring."""

    ANYBODY = "nothing"
    TOKEN_OR_BODY = "an access token, or else another token in the body"  # noqa: S105 - no secret
    TOKEN = "an access token"  # noqa: S105 - no secret
    ADMIN = "an access token of an account with the role `admin`"


@dataclass(frozen=True)
class Text:
    """An answer that is no JSON: its media types, and an example."""

    media_types: tuple[str, ...]
    example: str


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What an operation takes and answers.

    `id` is what generated clients call it, and stable. `body`, `answer` are examples, and their types the types.
    `form` names the fields that a form may have besides and that mean nothing; `None` is no form. `json_only` names the
    members of the body that a form cannot have. `query` is the type
    of the query. `refuses` holds the error codes besides those that follow from the rest (`refusals`). `conditional`
    says that it answers `If-None-Match`, and with an ETag.
    """

    id: str
    access: Access
    answer: msgspec.Struct | Text
    status: int
    body: msgspec.Struct | None
    form: tuple[str, ...] | None
    json_only: tuple[str, ...]
    query: type[msgspec.Struct] | None
    refuses: tuple[str, ...]
    conditional: bool


class NotDescribed(TypeError):
    """A route leads to a function that has no `described` above it, so the description would miss it."""


def described(
    operation_id: str,
    *,
    access: Access,
    answer: msgspec.Struct | Text,
    status: int = 200,
    body: msgspec.Struct | None = None,
    form: tuple[str, ...] | None = None,
    json_only: tuple[str, ...] = (),
    query: type[msgspec.Struct] | None = None,
    refuses: tuple[str, ...] = (),
    conditional: bool = False,
) -> Callable[[F], F]:
    """Declare what an endpoint takes and answers; the members are those of `Operation`. The function stays as it is."""
    operation = Operation(
        id=operation_id,
        access=access,
        answer=answer,
        status=status,
        body=body,
        form=form,
        json_only=json_only,
        query=query,
        refuses=refuses,
        conditional=conditional,
    )

    def attach(function: F) -> F:
        vars(function)[_NAME] = operation
        return function

    return attach


def get_operation(handler: Callable[..., Any]) -> Operation:
    """What was declared beside a handler.

    Raises:
        NotDescribed: nothing was.
    """
    operation = getattr(handler, _NAME, None)
    if not isinstance(operation, Operation):
        msg = (
            f"{getattr(handler, '__qualname__', handler)} has no @described(...) above it. Declare there what it takes "
            "and answers; CONTRIBUTING.md, 'add an endpoint', says how."
        )
        raise NotDescribed(msg)
    return operation
