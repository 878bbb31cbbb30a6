"""Writes files atomically, on the local disk or at any fsspec address."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from upath import UPath

TEMPORARY_SUFFIX = ".part"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"


def home_path(home: str) -> UPath:
    """Turn AWIN_MEDUSA_HOME into a path: `~` expanded and local paths made absolute."""
    path = UPath(home)
    return path if local_path(path) is None else UPath(Path(home.removeprefix("file://")).expanduser().absolute())


def local_path(path: UPath) -> Path | None:
    """The path as an ordinary Path; None when it is not on this machine's file system."""
    return Path(path.path) if path.protocol in ("", "file", "local") else None


def dated_name(started_at: datetime, run_id: str) -> str:
    """Name for a run's files: its UTC start, and the first 8 characters of its id."""
    return f"{started_at.astimezone(UTC).strftime(DATE_FORMAT)}-{run_id[:8]}"


@contextmanager
def replacing(target: UPath) -> Iterator[Path]:
    """Yield a local file to write; it replaces `target` when the block succeeds and is removed when it fails.

    Readers see the old file or the new one. A killed process leaves only a `.part` file, which the next run removes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = f".{target.name}.{uuid.uuid4().hex}{TEMPORARY_SUFFIX}"
    if (local := local_path(target)) is not None:
        temporary = local.with_name(part)
        try:
            yield temporary
            temporary.replace(local)
        finally:
            temporary.unlink(missing_ok=True)
        return
    # Elsewhere a rename is the closest thing to atomic: sftp renames, an object store copies whole objects.
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder / target.name
        uploaded = target.parent / part
        target.fs.put_file(str(folder / target.name), uploaded.path)
        target.fs.mv(uploaded.path, target.path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
