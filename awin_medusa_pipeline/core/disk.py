"""Says in one sentence that a disk is full or cannot be written, or that object storage cannot be used.

Whoever met it: this program, polars, SQLite, Dagster. None of them says it alike: polars and Dagster wrap the error,
and most name no file.
"""

import errno
import os
import re
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
ASK = (
    "Check that the bucket exists, and that AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
    "are set for every process of this program and allow reading, writing, listing and deleting there."
)
INSTALL = "Install what reads it: pip install 'awin-medusa-pipeline[s3]'."
_OF_POLARS = "object-store error: "

_home: list[Path] = []


def work_in(home: Path, space: Path | None = None) -> None:
    """Let this process know the folders that it works in: a sentence names them where the error names no file.

    `space`: scratch space, when it is not in the home.
    """
    _home[:] = [home, space or home]


def scratch() -> Path | None:
    """The scratch space of this process, for files of a run that nobody needs after it; None: that of the system."""
    return _home[-1] if _home else None


def of_disk(error: BaseException, folders: Sequence[Path] | None = None) -> StorageError | None:
    """The sentence for an error of object storage, or of a disk that is full or cannot be written; None for all others.

    `folders`: those that this process writes to; by default the home, Dagster's, and the one for temporary files.
    """
    folders = folders or _folders()
    for one in _with_causes(error):
        if words := _of_object_storage(one):
            to_do = INSTALL if isinstance(one, ImportError) else ASK
            return StorageError("Using the object storage of AWIN_MEDUSA_HOME", words, to_do)
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
    return [*dict.fromkeys(_home), *(Path(folder) for folder in others if folder)]


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__


def _of_object_storage(error: BaseException) -> str:
    """What came back from object storage; empty for other errors."""
    text = str(error).partition("\n")[0]
    if isinstance(error, OSError) and text.startswith(_OF_POLARS):
        return re.sub(r"( - Server returned|: Error performing).*", "", text.removeprefix(_OF_POLARS))
    missing = isinstance(error, ImportError) and "s3fs" in text
    if not missing and type(error).__module__.partition(".")[0] not in ("botocore", "aiobotocore"):
        return ""
    return re.sub(r"^An error occurred \(\w+\) when calling the \w+ operation: ", "", text)


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
