"""Finds the secrets in addresses, shows addresses without them, and refuses them where nothing could use them."""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

_SECRET_NAME = re.compile(r"key|token|sig|secret|pass|auth|cred|pwd", re.IGNORECASE)
TAKE_CREDENTIALS = frozenset({"sftp", "ssh", "ftp", "smb"})
"""Schemes of fsspec that take user and password from the address; they are not part of its paths."""


def plain_http(address: str) -> str:
    """An http(s) address that holds nothing but host and path. Raises ValueError, without repeating it.

    Medusa and Etsy take their keys from settings of their own, in the header that user and password would fill, too.
    """
    if "@" in address:
        raise ValueError("It holds a user name or a password, which nothing here would use: take out what is before @.")
    if "?" in address or "#" in address:
        raise ValueError("It ends with a ? or # and more, which nothing here would use: take that out.")
    return address


def place_of_files(address: str) -> str:
    """A folder or an fsspec address whose paths can be shown. Raises ValueError, without repeating it."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    if "?" in rest or "#" in rest:
        raise ValueError("It ends with a ? or # and more: take that out.")
    if "@" in rest.partition("/")[0] and scheme.lower() not in TAKE_CREDENTIALS:
        raise ValueError("It holds a key or a password: give those in the environment, where fsspec looks for them.")
    return address


def without_credentials(address: str) -> str:
    """The address without user, password and query: what may be shown of one that others wrote, too."""
    return re.sub(r"^([^/?#]*//)[^/?#]*@", r"\1***@", re.sub(r"[?#].*", "", address, flags=re.DOTALL))


def credentials_in(address: str) -> list[str]:
    """List the password, a user name that stands alone, as tokens do, and what a query calls a secret."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return [address]
    before_host = parts.netloc.rpartition("@")[0]
    found = [part for part in (before_host, before_host.partition(":")[2]) if part]
    found += [value for name, value in parse_qsl(parts.query) if len(value) >= 16 or _SECRET_NAME.search(name)]
    return both_forms(found)


def both_forms(secrets: list[str]) -> list[str]:
    """Each as it stands in an address, and as what it means."""
    return [form for secret in secrets for form in {secret, unquote(secret)}]
