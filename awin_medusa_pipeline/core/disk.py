"""Says in one sentence that a disk is full or cannot be written, whoever met it: this program, polars, SQLite, Dagster.

None of them says it alike: polars and Dagster wrap the error, and most name no file.
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from awin_medusa_pipeline.core.errors import StorageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_FULL_TEXTS = ("No space left on device", "Disk quota exceeded", "database or disk is full", "File too large")
_CLOSED_TEXTS = ("Read-only file system", "readonly database")
# SQLite says these of a full disk, too, and of a folder that cannot be written.
_UNCLEAR_TEXTS = ("disk I/O error", "unable to open database file")
FULL_BELOW = 1_000_000  # bytes left; SQLite's journal alone needs more
FREE = (
    "Free some space there (folders of old runs in reports/ and history/ may go), or move AWIN_MEDUSA_HOME to a larger "
    "disk, and run it again: what was applied is in the log and is not done twice."
)
OPEN = "Let the user of this program write there, or set AWIN_MEDUSA_HOME to another folder."


_home: list[Path] = []


def work_in(home: Path) -> None:
    """Let this process know the folder that it works in: a sentence names it where the error names no file."""
    _home[:] = [home]


def of_disk(error: BaseException, folders: Sequence[Path] | None = None) -> StorageError | None:
    """The sentence for an error that comes from a disk which is full or cannot be written; None for all others.

    `folders`: those that this process writes to; by default the home, Dagster's, and the one for temporary files.
    """
    folders = folders or _folders()
    for one in _with_causes(error):
        if not _is_of_storage(one):
            continue
        text, number, file = str(one), getattr(one, "errno", None), getattr(one, "filename", None)
        if number in _FULL or any(words in text for words in _FULL_TEXTS):
            return _full(_place(file) or _fullest(folders))
        if (number in _CLOSED and file) or any(words in text for words in _CLOSED_TEXTS):
            return _closed(_place(file) or _closed_of(folders) or folders[0])
        if any(words in text for words in _UNCLEAR_TEXTS):
            return _unclear(text, folders)
    return None


def of_operating_system(error: OSError) -> StorageError:
    """The sentence for any error of the operating system; it names the file, if it knows one."""
    if told := of_disk(error):
        return told
    where, reason = error.filename or "files or the network", error.strerror or str(error) or type(error).__name__
    to_do = "Check that it exists and that you may write to it." if error.filename else "Check what .env names."
    return StorageError(f"Using {where}", reason, to_do)


def _folders() -> list[Path]:
    others = (os.environ.get("DAGSTER_HOME"), os.environ.get("TMPDIR") or "/tmp")
    return [*_home, *(Path(folder) for folder in others if folder)]


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__


def _is_of_storage(error: BaseException) -> bool:
    # Words alone prove nothing: any error may quote a feed.
    return isinstance(error, OSError | sqlite3.Error) or type(error).__module__.partition(".")[0] == "polars"


def _place(file: object) -> Path | None:
    return Path(os.fsdecode(file)) if isinstance(file, str | bytes | os.PathLike) else None


def _full(place: Path) -> StorageError:
    return StorageError(f"Writing to {place}", f"the disk is full ({_room(place) / 1e6:,.1f} MB are left)", FREE)


def _closed(place: Path) -> StorageError:
    return StorageError(f"Writing to {place}", "it cannot be written (read-only, or the rights are missing)", OPEN)


def _unclear(text: str, folders: Sequence[Path]) -> StorageError:
    if _room(fullest := _fullest(folders)) < FULL_BELOW:
        return _full(fullest)
    if closed := _closed_of(folders):
        return _closed(closed)
    return StorageError(
        f"Writing to {folders[0]}",
        text,
        "Check that the disk is sound, that it has room, and that you may write there.",
    )


def _fullest(folders: Sequence[Path]) -> Path:
    return min(folders, key=_room)


def _closed_of(folders: Sequence[Path]) -> Path | None:
    return next((folder for folder in folders if not os.access(_existing(folder), os.W_OK)), None)


def _room(folder: Path) -> int:
    try:
        return shutil.disk_usage(_existing(folder)).free
    except OSError:
        return 0


def _existing(path: Path) -> Path:
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))
