"""Writes files that are there whole or not at all, on the local disk or at any fsspec address."""

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
    """AWIN_MEDUSA_HOME as a path: `~` expanded and local paths made absolute."""
    path = UPath(home)
    return path if local_path(path) is None else UPath(Path(home.removeprefix("file://")).expanduser().absolute())


def local_path(path: UPath) -> Path | None:
    """The same place as an ordinary path; None when it is not on this machine's file system."""
    return Path(path.path) if path.protocol in ("", "file", "local") else None


def dated_name(started_at: datetime, run_id: str) -> str:
    """Name of what a run leaves: its UTC start, and the first 8 characters of its id."""
    return f"{started_at.astimezone(UTC).strftime(DATE_FORMAT)}-{run_id[:8]}"


@contextmanager
def replacing(target: UPath) -> Iterator[Path]:
    """A local file to write; it replaces `target` when the block ends well and leaves no trace when it does not.

    Readers see the old file or the new one. A killed process leaves only a `.part` file, which retention removes.
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
    # Elsewhere a rename is what comes nearest to atomic: sftp renames, an object store copies whole objects.
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder / target.name
        uploaded = target.parent / part
        target.fs.put_file(str(folder / target.name), uploaded.path)
        target.fs.mv(uploaded.path, target.path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
