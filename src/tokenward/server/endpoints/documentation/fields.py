"""Types of members that several bodies and answers share.

What stands in `extra_json_schema` is described here and checked by the service that owns the rule, whose message tells
what to do; the parser checks the rest.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

Sub: TypeAlias = Annotated[
    str,
    Meta(
        description="The id of an account, which is the `sub` of its tokens.",
        extra_json_schema={"pattern": "^usr_[A-Za-z0-9_-]{22}$"},
    ),
]
Sid: TypeAlias = Annotated[
    str,
    Meta(
        description="The id of a session, which is the `sid` of its tokens.",
        extra_json_schema={"pattern": "^[A-Za-z0-9_-]{22}$"},
    ),
]
Kid: TypeAlias = Annotated[
    str, Meta(description="The id of a key, which is the `kid` of the tokens that it signed.")
]
Email: TypeAlias = Annotated[
    str,
    Meta(
        description="An e-mail address. Upper and lower case do not make it another one.",
        extra_json_schema={"maxLength": 254, "pattern": r"^[^@\s]+@[^@\s]+$"},
    ),
]
Username: TypeAlias = Annotated[
    str,
    Meta(
        description="A user name. Upper and lower case do not make it another one.",
        extra_json_schema={"minLength": 3, "maxLength": 64, "pattern": "^[A-Za-z0-9._-]+$"},
    ),
]
Login: TypeAlias = Annotated[str, Meta(description="A user name or an e-mail address.")]
Name: TypeAlias = Annotated[
    str,
    Meta(
        description="What the person is called. No line breaks and no control characters.",
        extra_json_schema={"maxLength": 200, "pattern": r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"},
    ),
]
Password: TypeAlias = Annotated[
    str,
    Meta(
        description="The password as it is now.",
        extra_json_schema={"format": "password"},
    ),
]
NewPassword: TypeAlias = Annotated[
    str,
    Meta(
        description=(
            "A new password: at least as long as the setting `password_min_length` says, not a common one, not made "
            "of the names of the account."
        ),
        extra_json_schema={"format": "password", "minLength": 1, "maxLength": 256},
    ),
]
ExternalId: TypeAlias = Annotated[
    str,
    Meta(
        description="What the application calls its own row of this person. No two accounts have the same.",
        extra_json_schema={"minLength": 1, "maxLength": 255},
    ),
]
Roles: TypeAlias = Annotated[
    tuple[
        Annotated[str, Meta(extra_json_schema={"maxLength": 64, "pattern": "^[a-z][a-z0-9_:-]*$"})],
        ...,
    ],
    Meta(description="Names of roles, each once; `admin` lets an account administer."),
]
Reason: TypeAlias = Annotated[
    str,
    Meta(
        description="One word for the log of revocations, which holds nothing about people.",
        extra_json_schema={"maxLength": 64, "pattern": "^[a-z][a-z0-9_-]*$"},
    ),
]
RefreshToken: TypeAlias = Annotated[
    str,
    Meta(
        description="A refresh token: opaque, and good for one refresh.",
        extra_json_schema={"format": "password"},
    ),
]
Seconds: TypeAlias = Annotated[
    int, Meta(description="Seconds since 1970, in UTC.", extra_json_schema={"format": "int64", "minimum": 0})
]
Count: TypeAlias = Annotated[int, Meta(extra_json_schema={"minimum": 0})]
LogNumber: TypeAlias = Annotated[
    int,
    Meta(
        description="A place in the log of revocations. This server is there before it answers its next request.",
        extra_json_schema={"format": "int64", "minimum": 0},
    ),
]
RequestId: TypeAlias = Annotated[
    str, Meta(description="The `X-Request-Id` of an answer; the log has it too.")
]

EXAMPLE_SUB = "usr_l8nsrlTJQ0WpvzxRk9XyYg"
EXAMPLE_SID = "Vw3tH0mRQpWkYc2Zb7sJ1A"
EXAMPLE_KID = "nYw0u1sJmQp3fE6cZ8rKtd4vB7xHaL2gTqWiOeRyUIo"
EXAMPLE_REQUEST_ID = "5f1c0e9b7a42-1c"
EXAMPLE_CURSOR = "WyJ1c3JfbDhuc3JsVEpRMFdwdnp4Ums5WHlZZyJd"
