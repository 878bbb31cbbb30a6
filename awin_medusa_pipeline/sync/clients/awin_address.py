"""Reads a feed's address: its name for people, its secrets, and whether it is a local file."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from awin_medusa_pipeline.core.addresses import both_forms, credentials_in


def secrets_in(address: str) -> list[str]:
    """List the secret parts of an address: AWIN puts the key into the path."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return [address]
    found = [parts.username] if parts.username else []
    found += re.findall(r"/(?:apikey|api_?key|key|token)/([^/]+)", parts.path, re.IGNORECASE)
    found += re.findall(r"/publisher/[^/]+/([^/]+)/\d+/", parts.path)
    found += [word for word in re.findall(r"[0-9A-Za-z]{20,}", parts.path) if re.search(r"\d", word)]
    return credentials_in(address) + both_forms(found)


def label_of(address: str) -> str:
    """Name a feed for people: host and feed ids, or a file's name; never the key."""
    path = local_path(address)
    if path is not None:
        return (
            "of an address that cannot be read" if "://" in address and not address.startswith("file:") else path.name
        )
    try:
        parts = urlsplit(address)
    except ValueError:
        return "of an address that cannot be read"
    host = parts.hostname or "?"
    if feed_ids := re.search(r"/fid/([^/]+)", parts.path):
        return f"{host} fid {unquote(feed_ids[1])}"
    name = unquote(parts.path.rstrip("/").rpartition("/")[2])
    file_name = re.fullmatch(r"[\w.,-]{1,60}\.(csv|gz|zip|jsonl|txt)", name)
    shown = file_name and not any(secret in name for secret in secrets_in(address))
    return f"{host} … {name}" if shown else f"{host} …"


def local_path(address: str) -> Path | None:
    """The local file that an address names; None for a web address."""
    if address.startswith("file:"):
        return Path(url2pathname(urlsplit(address).path))
    return None if re.match(r"https?://", address, re.IGNORECASE) else Path(address).expanduser()
