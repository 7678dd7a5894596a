"""User ids that say nothing of who it is, the same in every log that is read with the same key.

Ids can be listed, and a plain hash undone by hashing them all: hence one with a secret key, which is kept
apart from the data (ENISA, Pseudonymisation techniques and best practices, 2019; NIST SP 800-53, SI-19(4)).
"""

import base64
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

from records.errors import UserError

MIN_KEY_BYTES = 32
MAX_KEY_BYTES = 4096
"""A larger file is hardly a key, but perhaps the log itself."""

DIGEST_BYTES = 10
"""80 bits: among ten million users two share a pseudonym once in 24 billion keys."""


def load_key(path: Path) -> bytes:
    """The key in the file at `path`: its bytes (hex, base64, any) without white space around.

    Raises:
        UserError: there is no such file, everybody may read it, or it is no key: shorter than 32 bytes, of
            fewer than 8 different ones, or longer than 4096. The message never shows what it holds.
    """
    making = f"make one: (umask 077; openssl rand -hex 32 > {path})"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o007:
                raise UserError(f"{path}: everybody on this machine may use the key; run: chmod o= {path}")
            key = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: no key can be read there ({error.strerror}); {making}") from None
    if len(key) > MAX_KEY_BYTES:
        raise UserError(f"{path}: more than {MAX_KEY_BYTES} bytes are no key; {making}")
    key = key.strip()
    if len(key) < MIN_KEY_BYTES or len(set(key)) < 8:
        raise UserError(f"{path}: a key has at least {MIN_KEY_BYTES} random bytes; {making}")
    return key


def pseudonyms(user_ids: Sequence[str], key: bytes) -> list[str]:
    """A pseudonym for each of `user_ids`, in order: "u" and 16 letters and digits (HMAC-SHA256, base32).

    Equal ids have equal pseudonyms.

    Raises:
        UserError: two ids share a pseudonym, which another key mends.
    """
    names = {user_id: _pseudonym(user_id, key) for user_id in user_ids}
    if len(set(names.values())) < len(names):
        raise UserError("two user ids share a pseudonym, so that their histories would mix; use another key")
    return [names[user_id] for user_id in user_ids]


def _pseudonym(user_id: str, key: bytes) -> str:
    digest = hmac.digest(key, user_id.encode(errors="surrogatepass"), "sha256")
    return "u" + base64.b32encode(digest[:DIGEST_BYTES]).decode().lower()
