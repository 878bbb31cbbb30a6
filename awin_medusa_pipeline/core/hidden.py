"""Knows the secrets of this process, and takes them out of every text that leaves it: errors, logs, the terminal.

The App that holds them keeps its `Secrets`; they are forgotten with it. Clients that know theirs redact answers
themselves; this is behind all of them, for texts that no client has made.
"""

import weakref
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote

SHORTEST = 6
"""Characters. Replacing a shorter one everywhere would blot out ordinary words."""
_all: "weakref.WeakSet[Secrets]" = weakref.WeakSet()


class Secrets:
    """Some secrets, which are kept out of texts for as long as this object lives."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms = forms_of(secret for secret in secrets if len(secret) >= SHORTEST)
        _all.add(self)

    def taken_out_of(self, text: str) -> str:
        """The text with *** for each."""
        return replace_forms(text, self._forms)


def without_secrets(text: str) -> str:
    """The text with *** for every secret that this process knows."""
    for secrets in tuple(_all):
        text = secrets.taken_out_of(text)
    return text


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in `text` by ***; the longest first, so that no part of one is left.

    Also as encoded in addresses, forms and Basic authentication: some servers' error pages repeat the request.
    """
    return replace_forms(text, forms_of(secrets))


def forms_of(secrets: Iterable[str]) -> tuple[str, ...]:
    """A secret and what it becomes in addresses, forms and headers, the longest first."""
    forms = {form for s in secrets if s for form in (s, quote(s, ""), quote(s), b64encode(f"{s}:".encode()).decode())}
    return tuple(sorted(forms, key=len, reverse=True))


def replace_forms(text: str, forms: Iterable[str]) -> str:
    """Replace each of the forms by ***."""
    for form in forms:
        text = text.replace(form, "***")
    return text
