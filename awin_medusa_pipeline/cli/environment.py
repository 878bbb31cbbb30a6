"""`.env`, and the sandbox of this machine that it may point to.

What belongs here: making the file, setting values in it, asking where it points. What does not: what the settings mean
(settings.py) and what a fresh file says (documentation.py, demo.py).
"""

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values, set_key

from awin_medusa_pipeline.core.files import local_home
from awin_medusa_pipeline.sandbox import Sandbox, SandboxError
from awin_medusa_pipeline.settings import Settings

OWNER_ONLY = 0o600


def make_env_file(path: Path, text: str) -> bool:
    """Write a file that only its owner may read; False, and nothing written, when there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.touch(OWNER_ONLY, exist_ok=False)
    except FileExistsError:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def set_in_env_file(path: Path, values: Mapping[str, str]) -> bool:
    """Set these variables and leave every other line alone; False when they were so already."""
    known = dotenv_values(path)
    changed = {name: value for name, value in values.items() if known.get(name) != value}
    for name, value in changed.items():
        set_key(path, name, value)
    if changed:
        path.chmod(OWNER_ONLY)
    return bool(changed)


def sandbox_here(port: int | None = None) -> Sandbox:
    """The sandbox in AWIN_MEDUSA_HOME."""
    return Sandbox(local_home(Settings().awin_medusa_home), port)


def points_to(sandbox: Sandbox) -> bool:
    """Whether the settings name the shop of this sandbox."""
    try:
        return Settings().medusa_backend_url == sandbox.shop.base_url
    except SandboxError:
        return False  # never set up
