"""Writes files atomically, on the local disk or at any fsspec address."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from upath import UPath

from awin_medusa_pipeline.core.disk import scratch

TEMPORARY_SUFFIX = ".part"
STAGED = ".put-"
"""Begins the names of folders whose files are on their way to another machine."""
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
"""Schemes of fsspec without folders and renames, where an object is there whole or not at all."""
DATE_FORMAT = "%Y%m%dT%H%M%SZ"


def home_path(home: str) -> UPath:
    """Turn AWIN_MEDUSA_HOME into a path: `~` expanded and local paths made absolute."""
    path = UPath(home)
    if is_object_store(path):
        # fsspec remembers listings, and so would not see what other machines have written.
        found: UPath = UPath(home, use_listings_cache=False, **_options(path.protocol))
        return found
    return path if local_path(path) is None else UPath(Path(home.removeprefix("file://")).expanduser().absolute())


def _options(scheme: str) -> dict[str, Any]:
    # s3fs holds as many parts of 50 MB in memory; ten by default.
    return {"max_concurrency": 2} if scheme in ("s3", "s3a") else {}


def is_object_store(path: UPath) -> bool:
    """Whether the path is an object's: no folders are made for it, and nothing is renamed."""
    return path.protocol in OBJECT_STORES


def local_path(path: UPath) -> Path | None:
    """The path as an ordinary Path; None when it is not on this machine's file system."""
    return Path(path.path) if path.protocol in ("", "file", "local") else None


def dated_name(started_at: datetime, run_id: str) -> str:
    """Name for a run's files: its UTC start, and the first 8 characters of its id."""
    return f"{started_at.astimezone(UTC).strftime(DATE_FORMAT)}-{run_id[:8]}"


@contextmanager
def replacing(target: UPath) -> Iterator[Path]:
    """Yield a local file to write; it replaces `target` when the block succeeds and is removed when it fails.

    Readers see the old file or the new one. A killed process leaves only a `.part` file, or a folder in the scratch
    space, which the next run removes.
    """
    if not is_object_store(target):
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
    with staging(STAGED) as folder:
        yield folder / target.name
        if is_object_store(target):
            target.fs.put_file(str(folder / target.name), target.path)
            return
        # Elsewhere, as on sftp, others would read half of a file that is being put.
        uploaded = target.parent / part
        target.fs.put_file(str(folder / target.name), uploaded.path)
        target.fs.mv(uploaded.path, target.path)


@contextmanager
def staging(prefix: str) -> Iterator[Path]:
    """Yield a new folder in the scratch space of this process, and remove it with all that is in it."""
    space = scratch()
    if space is not None:
        space.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=space, prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
