"""Where the project lies."""

import os
import shutil
from pathlib import Path

import awin_medusa_pipeline

PACKAGE = Path(awin_medusa_pipeline.__file__).parent
PROJECT = PACKAGE.parent
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 << 30  # measured: 0.3 GB of a whole run, 0.2 GB of each sandbox, and a failed run's files stay


def in_memory() -> Path | None:
    """The folder that is kept in memory, where there is one with enough room."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free > MEMORY_BYTES else None


def temporary_files_in_memory() -> None:
    """Let pytest make its folders in memory: stores commit thousands of times, and disks wait."""
    if memory := in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))
