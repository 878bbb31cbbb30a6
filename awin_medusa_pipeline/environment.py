"""Creates and edits `.env`, and writes the example that it begins as."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values, set_key
from pydantic.fields import FieldInfo
from upath import UPath

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.files import replacing
from awin_medusa_pipeline.settings import PROJECT_ROOT, Settings, as_written, variables_of

OWNER_ONLY = 0o600
WIDTH = 100
_HEAD = """\
# Settings of awin_medusa_pipeline. `awin-medusa init` copies this file to .env; `awin-medusa doctor` checks it.
# Made from awin_medusa_pipeline/settings.py; docs/configuration.md has the same as a table.
# A line that begins with # is not read; it shows the default.
"""


def env_example() -> str:
    """Text of .env.example: every setting with its meaning; defaults are shown as comments."""
    return _HEAD + "".join(_example(name, field) for name, field in Settings.model_fields.items())


def default_text(name: str) -> str | None:
    """The default of a setting, as written in `.env`; None when there is none to write."""
    default = Settings.model_fields[name].default
    if default is None or str(default).startswith(str(PROJECT_ROOT)):
        return None  # a path beside the project differs from machine to machine; the description names it
    return as_written(default)


def _example(name: str, field: FieldInfo) -> str:
    default = default_text(name)
    comment = textwrap.TextWrapper(
        WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False, break_long_words=False
    )
    lines = comment.wrap(str(field.description))
    setting = f"{variables_of(name)[0]}="
    return "\n" + "\n".join([*lines, setting if default is None else f"# {setting}{default}"]) + "\n"


def make_env_file(path: Path, text: str) -> bool:
    """Write a file that only its owner may read; returns False and leaves it alone when it exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.touch(OWNER_ONLY, exist_ok=False)
    except FileExistsError:
        return False
    try:
        path.write_text(text, encoding="utf-8")
    except OSError:
        # An empty file would be taken for the settings.
        path.unlink()
        raise
    return True


def set_in_env_file(path: Path, values: Mapping[str, str]) -> bool:
    """Set these variables and leave every other line alone; returns False when nothing changed.

    Raises PermanentError, with the file as it was, for a value that would be read differently from how it was written.
    """
    known = dotenv_values(path)
    changed = {name: value for name, value in values.items() if known.get(name) != value}
    if not changed:
        return False
    with replacing(UPath(path.resolve())) as file:
        file.touch(OWNER_ONLY)
        file.write_text(path.read_text(encoding="utf-8") if path.exists() else "", encoding="utf-8")
        for name, value in changed.items():
            set_key(file, name, value)
        file.chmod(OWNER_ONLY)
        # Whoever reads the file fills ${...} in.
        if odd := [name for name, value in (known | changed).items() if dotenv_values(file).get(name) != value]:
            raise PermanentError(
                f"Keeping {', '.join(odd)} in {path}",
                "it would be read differently from how it was typed",
                "Leave out ${...}, or set it in the environment.",
            )
    return True
