"""Writes the parts of the documentation that come from the code: `python -m awin_medusa_pipeline.cli.documentation`.

docs/configuration.md and .env.example from the settings, the commands in docs/cli.md, the reason codes in
docs/troubleshooting.md. A test checks that they are current.
"""

import textwrap
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from awin_medusa_pipeline.cli.main import COMMANDS, Entry, LazyCommand, LazyGroup
from awin_medusa_pipeline.environment import default_text, env_example
from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, PROJECT_ROOT, Settings, variables_of
from awin_medusa_pipeline.sync.domain import guards
from awin_medusa_pipeline.sync.domain.feed.errors import ROW_REASONS, Fault

DOCS = PROJECT_ROOT / "docs"

_TABLE_HEAD = f"""\
# Configuration

Every setting is an environment variable. `.env` beside the project is read too (`awin-medusa init` makes it); the
environment takes precedence over it. Blank counts as not set. `awin-medusa doctor` checks every setting.

Two more variables are read from the environment alone: `{ENV_FILE_VARIABLE}` names a file to read instead of `.env`, so
that one installation may look after several shops, and `DAGSTER_HOME` is where Dagster keeps its records, by default
`dagster` in `AWIN_MEDUSA_HOME`.

This page is made from `awin_medusa_pipeline/settings.py` by `python -m awin_medusa_pipeline.cli.documentation`.

| name | type | default | meaning |
|---|---|---|---|
"""


def configuration_page() -> str:
    """Text of docs/configuration.md."""
    return _TABLE_HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


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


def command_pages() -> str:
    """Every command as Markdown: usage, text, arguments and options."""
    pages: list[str] = []
    for name, entry in COMMANDS.items():
        pages += _entry_pages(f"awin-medusa {name}", name, entry)
    return "\n\n".join(pages) + "\n"


def _entry_pages(path: str, name: str, entry: Entry) -> Iterator[str]:
    if not entry.commands:
        yield from _command_pages(path, LazyCommand(name, entry).load())
        return
    yield _command_page(path, LazyGroup(name, entry), group=True)
    for child, its in entry.commands.items():
        yield from _entry_pages(f"{path} {child}", child, its)


def _command_pages(path: str, command: Any) -> Iterator[str]:
    children = getattr(command, "commands", {})
    yield _command_page(path, command, bool(children))
    for name, child in children.items():
        yield from _command_pages(f"{path} {name}", child)


def _command_page(path: str, command: Any, group: bool) -> str:
    """One command as Markdown."""
    heading = "##" if path.count(" ") == 1 else "###"
    text, *example = (command.help or "").split("\b")
    parts = [f"{heading} {path}", textwrap.dedent(text).strip()]
    parts += [f"```\n{textwrap.dedent(block).strip()}\n```" for block in example]
    parameters = [parameter for parameter in command.params if parameter.name != "help"]
    if not group:
        usage = " ".join(_usage(parameter) for parameter in parameters)
        parts.append(f"```\n{path} {usage}".rstrip() + "\n```")
    if parameters:
        rows = "".join(f"| `{_usage(p).removeprefix('[').removesuffix(']')}` | {_cell(p.help)} |\n" for p in parameters)
        parts.append(f"| option | meaning |\n|---|---|\n{rows}".rstrip())
    return "\n\n".join(part for part in parts if part)


def _usage(parameter: Any) -> str:
    """Usage of a parameter: `[--pilot N]`, `RUN_ID`, `[--supply/--no-supply]`."""
    value = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        return f"{value}" if parameter.required else f"[{value}]"
    names = "/".join([*parameter.opts, *parameter.secondary_opts])
    return f"[{names}]" if parameter.is_flag else f"[{names} {value}]"


def reason_tables() -> str:
    """Codes of rejected rows, refused feeds and guards, as Markdown tables."""
    rows = {code: f"The row {reason.meaning}. {reason.remedy}" for code, reason in ROW_REASONS.items()}
    feeds = {str(fault): f"{fault.meaning[0].upper()}{fault.meaning[1:]}." for fault in Fault}
    held = {code: f"{meaning[0].upper()}{meaning[1:]}." for code, meaning in guards.CODES.items()}
    return "\n".join(
        [
            _code_table("Rejected rows", rows),
            _code_table("Refused feeds", feeds),
            _code_table("Guards", held),
        ]
    )


def _code_table(title: str, codes: Mapping[str, str]) -> str:
    lines = "".join(f"| `{code}` | {_cell(meaning)} |\n" for code, meaning in codes.items())
    return f"### {title}\n\n| code | meaning |\n|---|---|\n{lines}"


def with_part(page: str, name: str, part: str) -> str:
    """Replace the text between the markers of this name in a page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n\n{part}\n{end}{rest.partition(end)[2]}"


def pages() -> dict[Path, str]:
    """The text of every file that is made from the code, by path."""
    commands, reasons = DOCS / "cli.md", DOCS / "troubleshooting.md"
    return {
        DOCS / "configuration.md": configuration_page(),
        PROJECT_ROOT / ".env.example": env_example(),
        commands: with_part(commands.read_text(encoding="utf-8"), "commands", command_pages()),
        reasons: with_part(reasons.read_text(encoding="utf-8"), "reason codes", reason_tables()),
    }


def write() -> None:
    """Write all pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
