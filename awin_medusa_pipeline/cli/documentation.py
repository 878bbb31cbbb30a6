"""docs/configuration.md and .env.example, written from settings.py: `python -m awin_medusa_pipeline.cli.documentation`.

What belongs here: the form of the two. What does not: names, defaults and meanings of settings (settings.py); a test
holds that the two files are current.
"""

import textwrap
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, PROJECT_ROOT, Settings, as_written, variables_of

CONFIGURATION = PROJECT_ROOT / "docs" / "configuration.md"
EXAMPLE = PROJECT_ROOT / ".env.example"
WIDTH = 100

_TABLE_HEAD = f"""\
# Configuration

Every setting is an environment variable. `.env` beside the project is read too (`awin-medusa init` makes it), and what
the environment says goes before it. Blank counts as not set. `awin-medusa doctor` checks all of it.

Two more variables are read from the environment alone: `{ENV_FILE_VARIABLE}` names a file to read instead of `.env`, so
that one installation may look after several shops, and `DAGSTER_HOME` is where Dagster keeps its records, by default
`dagster` in `AWIN_MEDUSA_HOME`.

This page is made from `awin_medusa_pipeline/settings.py` by `python -m awin_medusa_pipeline.cli.documentation`.

| name | type | default | meaning |
|---|---|---|---|
"""
_EXAMPLE_HEAD = """\
# Settings of awin_medusa_pipeline. `awin-medusa init` copies this file to .env; `awin-medusa doctor` checks it.
# Made from awin_medusa_pipeline/settings.py; docs/configuration.md has the same as a table.
# A line that begins with # is not read; what it shows is the default.
"""


def configuration_page() -> str:
    """docs/configuration.md."""
    return _TABLE_HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def env_example() -> str:
    """.env.example: every setting with its meaning; what has a default stands as a comment that shows it."""
    return _EXAMPLE_HEAD + "".join(_example(name, field) for name, field in Settings.model_fields.items())


def default_text(name: str) -> str | None:
    """The default of a setting as one would write it in `.env`; None when there is none to write."""
    default = Settings.model_fields[name].default
    if default is None or str(default).startswith(str(PROJECT_ROOT)):
        return None  # a place beside the project differs from machine to machine; the description names it
    return as_written(default)


def _example(name: str, field: FieldInfo) -> str:
    default = default_text(name)
    comment = textwrap.TextWrapper(
        WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False, break_long_words=False
    )
    lines = comment.wrap(str(field.description))
    setting = f"{variables_of(name)[0]}="
    return "\n" + "\n".join([*lines, setting if default is None else f"# {setting}{default}"]) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    cells = f"`{variables_of(name)[0]}`", _type(field), _default_in_table(name, field), _cell(field.description)
    return f"| {' | '.join(cells)} |\n"


def _default_in_table(name: str, field: FieldInfo) -> str:
    if (text := default_text(name)) is not None:
        return f"`{text}`"
    return "not set" if field.default is None else f"`{Path(field.default).name}` beside the project"


def _type(field: FieldInfo) -> str:
    kind: Any = next((part for part in get_args(field.annotation) if part is not NoneType), field.annotation)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " or ".join(f"`{member}`" for member in kind)
    if isinstance(field.default, dict):
        return "text"
    return {SecretStr: "secret", int: "whole number", bool: "`true` or `false`"}.get(kind, "text")


def _cell(text: str | None) -> str:
    return " ".join((text or "").replace("|", "\\|").split())


def write(configuration: Path = CONFIGURATION, example: Path = EXAMPLE) -> None:
    """Bring both files up to date."""
    configuration.write_text(configuration_page(), encoding="utf-8")
    example.write_text(env_example(), encoding="utf-8")


if __name__ == "__main__":
    write()
