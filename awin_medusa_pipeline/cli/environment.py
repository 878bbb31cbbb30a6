"""Creates and edits `.env`."""

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values, set_key

OWNER_ONLY = 0o600


def make_env_file(path: Path, text: str) -> bool:
    """Write a file that only its owner may read; returns False and leaves it alone when it exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.touch(OWNER_ONLY, exist_ok=False)
    except FileExistsError:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def set_in_env_file(path: Path, values: Mapping[str, str]) -> bool:
    """Set these variables and leave every other line alone; returns False when nothing changed."""
    known = dotenv_values(path)
    changed = {name: value for name, value in values.items() if known.get(name) != value}
    for name, value in changed.items():
        set_key(path, name, value)
    if changed:
        path.chmod(OWNER_ONLY)
    return bool(changed)
