"""Encrypts and decrypts the secrets in the state store with the keys of AWIN_MEDUSA_SECRET_KEY."""

import re
from functools import cached_property

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from awin_medusa_pipeline.core.errors import Action, PermanentError

MAKE_ONE = "Put a key into .env; make one."


class SecretKeyError(PermanentError):
    """AWIN_MEDUSA_SECRET_KEY is missing, malformed, or not the key that was used."""


def new_key() -> str:
    """Make a key for AWIN_MEDUSA_SECRET_KEY."""
    return Fernet.generate_key().decode("ascii")


class Cipher:
    """Encrypts with the first key, decrypts with any; the keys are parsed when they are first needed."""

    def __init__(self, keys: SecretStr | None) -> None:
        self._keys = keys

    def encrypt(self, text: str) -> str:
        """Encrypt a text. Raises SecretKeyError without a usable key."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted: str, name: str) -> str:
        """Decrypt a text; `name` is its name in the error. Raises SecretKeyError when no key fits."""
        try:
            return self._fernet.decrypt(encrypted).decode()
        except InvalidToken:
            raise self._no_key_fits(name) from None

    def rotate(self, encrypted: str, name: str) -> str:
        """Encrypt a text again, with the first key. Raises SecretKeyError when no key fits."""
        try:
            return self._fernet.rotate(encrypted).decode("ascii")
        except InvalidToken:
            raise self._no_key_fits(name) from None

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
    def _no_key_fits(name: str) -> SecretKeyError:
        return SecretKeyError(
            f"Decrypting {name}",
            "no key in AWIN_MEDUSA_SECRET_KEY fits",
            "Put the key that was used behind the new one, or connect the shop again.",
            action=Action.CONNECT_ETSY,
        )
