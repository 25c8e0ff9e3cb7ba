"""Why a row of an import is refused: a closed list, each with what to do. A code is stable; programs compare it."""

from typing import Final

from tokenward.errors import InvalidRequest
from tokenward.server.accounts.foreign_hashes import COSTLY, UNKNOWN, WEAK

REFUSALS: Final[dict[str, str]] = {
    "not_utf8": "Write the row in UTF-8.",
    "wrong_number_of_fields": "Give the row as many fields as the first line has names; quote a comma in a text.",
    "row_too_long": "Make the row shorter; no account needs so much.",
    "malformed_json": "Write the row as one JSON object that names each member once.",
    "unknown_member": "Remove the member, or name it with --ignore.",
    "wrong_type": "Write texts as strings, flags as true or false, roles as an array of strings.",
    "not_an_account": "Nothing, if you did not expect an account here: the row is of something else.",
    "no_login": "Give the row an e-mail address or a user name.",
    "invalid_email": "Correct the address: one @ with text on both sides, no spaces, at most 254 characters.",
    "invalid_username": "Choose another user name: 3 to 64 characters of A-Z, a-z, 0-9, dot, hyphen, underscore.",
    "invalid_name": "Shorten the name to 200 characters, without line breaks and control characters.",
    "invalid_roles": "Use at most 32 role names of a-z, 0-9, underscore, colon and hyphen that begin with a letter.",
    "admin_role": "Remove the role admin, or allow it with --allow-admin: it administers this server.",
    "invalid_created_at": "Write a time of the past as UTC seconds or as 2024-05-01T12:00:00Z, with the zone.",
    "invalid_flag": "Write true or false.",
    "no_password": "Give the row a password hash, or allow accounts that cannot sign in with --allow-no-password.",
    WEAK: "Leave the hash out (--allow-no-password) and set a new password: this one is as good as no hash.",
    COSTLY: "Leave the hash out (--allow-no-password) and set a new password: verifying it would take too long.",
    UNKNOWN: "Compare the hash with the forms in the documentation; another one cannot be verified here.",
    "invalid_external_id": "Correct the external id: 1 to 255 characters that can be printed.",
    "duplicate_external_id": "Keep one of the rows of this file that have the same external id.",
    "external_id_taken": "Look at the account that has this external id, or leave it out here and link it later.",
    "duplicate_login": "Keep one of the rows of this file that have the same e-mail address or user name.",
    "login_taken": "Look at the account that has this login and was not imported; delete it if it is not the person's.",
}


class RowRefused(InvalidRequest):
    """A row is not imported. `reason` is a code of `REFUSALS`; nothing of the row is in here."""

    description = "The row is refused."

    def __init__(self, code: str) -> None:
        super().__init__(REFUSALS[code], reason=code)
        self.refusal = code


class MalformedFile(InvalidRequest):
    """Nobody can tell where the next row begins, or what its fields are: nothing is read from there on."""

    description = "The file cannot be read."

    def __init__(self, line: int, says: str) -> None:
        super().__init__(f"line {line}: {says}", reason="malformed file")
        self.line = line
