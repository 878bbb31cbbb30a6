"""Removes the files that killed runs were still writing: partial downloads and tables, and folders of parsed rows."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upath import UPath

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.files import STAGED, TEMPORARY_SUFFIX, home_path, is_object_store
from awin_medusa_pipeline.core.store.leases import Leases, Sign
from awin_medusa_pipeline.core.tables import HISTORY, TABLES
from awin_medusa_pipeline.sync.store.past_reports import REPORTS

QUIET = timedelta(minutes=5)
"""Whoever writes a file writes to it more often than this; also more than clocks of files and of the store differ."""
ROWS = ".rows-"
"""Begins the names of folders of parsed rows, in the scratch space."""
FEEDS = "feeds"
_OF_OLDER_RELEASES = re.compile(r"tmp[a-z0-9_]{8}")


def remove_leftovers(app: App, *, now: datetime | None = None) -> int:
    """Remove what no living run can be writing; returns how many files and folders.

    That is what was not written to for some minutes, and is older than every run that lives.
    """
    signs = Leases(app.database).runs()
    living = [row.taken_at for row, sign in signs if sign is not Sign.GONE and row.taken_at]
    return prune_leftovers(app.home, app.scratch, min([now or datetime.now(UTC), *living]) - QUIET)


def prune_leftovers(home: str, scratch: Path, before: datetime) -> int:
    """Remove what was last written to before a time; returns how many."""
    removed = 0
    for path in (*_files(home, scratch), *_folders(scratch)):
        try:
            written = path.stat().st_mtime  # 0 where the file system has no times
            if not written or datetime.fromtimestamp(written, UTC) >= before:
                continue
            if path.is_dir():
                shutil.rmtree(str(path), ignore_errors=True)
            else:
                path.unlink()
        except OSError:
            continue  # another one is faster, or it is not ours to remove
        removed += 1
    return removed


def _files(home: str, scratch: Path) -> Iterator[UPath | Path]:
    above = home_path(home)
    folders: list[UPath | Path] = [scratch / FEEDS]
    if not is_object_store(above):  # which has no halves of files
        folders += [above / name for name in (TABLES, HISTORY, REPORTS)]
    for folder in folders:
        if folder.exists():
            yield from folder.rglob(f"*{TEMPORARY_SUFFIX}")


def _folders(scratch: Path) -> Iterator[Path]:
    for path in scratch.iterdir() if scratch.exists() else ():
        if path.is_dir() and (path.name.startswith((ROWS, STAGED)) or _OF_OLDER_RELEASES.fullmatch(path.name)):
            yield path
