"""Secrets at rest: what stands encrypted in the state store, and the keys it is encrypted with.

What belongs here: keys and their faults told in sentences. What does not: whose secrets they are
(etsy/store/accounts.py).
"""

import re
from functools import cached_property

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from awin_medusa_pipeline.core.errors import Action, PermanentError

MAKE_ONE = "Put a key into .env; make one."


class SecretKeyError(PermanentError):
    """AWIN_MEDUSA_SECRET_KEY is missing, malformed, or not the one that was used."""


def new_key() -> str:
    """A key for AWIN_MEDUSA_SECRET_KEY."""
    return Fernet.generate_key().decode("ascii")


class Cipher:
    """Encrypts with the first key, decrypts with all of them; the keys are looked at when they are first needed."""

    def __init__(self, keys: SecretStr | None) -> None:
        self._keys = keys

    def encrypt(self, text: str) -> str:
        """For the store. Raises SecretKeyError without a usable key."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def decrypt(self, kept: str, what: str) -> str:
        """The text again; `what` names it in the error. Raises SecretKeyError when no key fits."""
        try:
            return self._fernet.decrypt(kept).decode()
        except InvalidToken:
            raise self._no_key_fits(what) from None

    def rotate(self, kept: str, what: str) -> str:
        """The same secret, encrypted with the first key. Raises SecretKeyError when no key fits."""
        try:
            return self._fernet.rotate(kept).decode("ascii")
        except InvalidToken:
            raise self._no_key_fits(what) from None

    @cached_property
    def _fernet(self) -> MultiFernet:
        tried = "Reading AWIN_MEDUSA_SECRET_KEY"
        keys = [key for key in re.split(r"[\s,]+", self._keys.get_secret_value() if self._keys else "") if key]
        if not keys:
            raise SecretKeyError(tried, "it is not set", MAKE_ONE, action=Action.MAKE_SECRET_KEY)
        try:
            return MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise SecretKeyError(
                tried, "it is not a Fernet key (32 bytes, base64)", MAKE_ONE, action=Action.MAKE_SECRET_KEY
            ) from None

    @staticmethod
    def _no_key_fits(what: str) -> SecretKeyError:
        return SecretKeyError(
            f"Decrypting {what}",
            "no key in AWIN_MEDUSA_SECRET_KEY fits",
            "Put the key that was used behind the new one, or connect the shop again.",
            action=Action.CONNECT_ETSY,
        )
