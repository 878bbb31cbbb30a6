"""Prepares a process of this program: what it writes is its user's alone, and what it logs is legible and safe."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from awin_medusa_pipeline.core.logs import make_logs_safe

PRIVATE = 0o077
"""The rights of others, which nothing in a home gives."""
SANDBOX = "sandbox"
"""A folder with tens of thousands of files of other programs: closed as a whole, and looked into no further."""


def begin() -> None:
    """Prepare this process, and the processes that it starts. May be called again."""
    os.umask(PRIVATE)
    make_logs_safe()


def make_private(home: Path) -> list[Path]:
    """Take the rights of others from a folder and all that is in it; returns what stays open to them.

    Earlier releases, and programs with another umask, left it open. Links are not followed. A file system without
    rights keeps everything open.
    """
    if os.name != "posix" or not home.is_dir():
        return []
    return [path for path in (home, *_below(home)) if not close_to_others(path)]


def _below(folder: Path) -> Iterator[Path]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_symlink():
            continue
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False) and entry.name != SANDBOX:
            yield from _below(Path(entry.path))


def close_to_others(path: Path) -> bool:
    """Take the rights of others from one file or folder; whether only its user may use it now."""
    try:
        mode = path.lstat().st_mode
        if not mode & PRIVATE:
            return True
        path.chmod(stat.S_IMODE(mode) & ~PRIVATE)
        return not path.lstat().st_mode & PRIVATE
    except FileNotFoundError:
        return True  # gone meanwhile, as temporary files are
    except OSError:
        return False
