"""Files that are there whole or not at all, on the local disk or at any fsspec address.

What belongs here: where a file of AWIN_MEDUSA_HOME is, and how it takes its place. What does not: its format.
"""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upath import UPath

from awin_medusa_pipeline.settings import PROJECT_ROOT

TEMPORARY_SUFFIX = ".part"


def home_path(home: str) -> UPath:
    """AWIN_MEDUSA_HOME as a path: `~` expanded and local paths made absolute."""
    path = UPath(home)
    return path if local_path(path) is None else UPath(Path(home.removeprefix("file://")).expanduser().absolute())


def local_path(path: UPath) -> Path | None:
    """The same place as an ordinary path; None when it is not on this machine's file system."""
    return Path(path.path) if path.protocol in ("", "file", "local") else None


def local_home(home: str) -> Path:
    """Where state that needs a real file system goes: AWIN_MEDUSA_HOME, else (home elsewhere) beside the project."""
    return local_path(home_path(home)) or PROJECT_ROOT / ".awin_medusa"


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
