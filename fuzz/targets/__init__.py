"""One module for each door that bytes from outside come through.

Each has `run(data)`, which raises when an answer is not allowed; `SEEDS`, inputs to begin with; and `MAX_BYTES`, the
longest input that is worth a try. All are functions of the bytes alone, so that an input that was found once is found
again.
"""

from typing import Final

NAMES: Final = (
    "strict_json",
    "base64_url",
    "bearer",
    "access_token",
    "raw_token",
    "profiles",
    "issuers",
    "dpop_proof",
    "jwk",
    "jwk_set",
    "public_key",
    "secret",
)
