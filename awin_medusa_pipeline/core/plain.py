"""Writes values as text for JSON and reports."""

from datetime import UTC, datetime


def plain(value: object) -> str:
    """A value that JSON does not know as text: a time as ISO 8601 in UTC, anything else as it prints itself."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)
