"""Who may import whom: every import of the package, against one list of what each room may use."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from awin_medusa_pipeline_tests.support.places import PACKAGE

PREFIX = "awin_medusa_pipeline"
PURE = ("polars", "dataframely", "pydantic", "rapidfuzz", "ftfy", "selectolax", "zlib_ng")
"""Libraries that do no I/O of their own."""
PURE_ROOMS = ("core.errors", "core.contracts", "core.messages", "medusa.shapes", "medusa.contracts", "medusa.models")
BELOW_FACES = ("app", "shops", "health", "remedies", "settings", "core", "medusa", "sync", "etsy", "sales")


@dataclass(frozen=True)
class Rule:
    """What one room may import beside itself and the standard library."""

    room: str
    rooms: Sequence[str] = ()
    libraries: Sequence[str] = ()


# The first rule that fits a module counts.
RULES = (
    Rule("__init__"),
    Rule("core.store", ("core",), ("sqlalchemy", "alembic", "filelock", "cryptography", "pydantic", "upath")),
    Rule("core", (), ("httpx", "httpcore", "tenacity", "slack_sdk", "pydantic", "polars", "dataframely", "upath")),
    Rule("medusa", ("core",), ("httpx", "polars", "dataframely", "pydantic", "typing_extensions")),
    Rule("sync.domain", PURE_ROOMS, PURE),
    Rule("sync.clients", ("core", "sync.domain"), ("httpx", "upath")),
    Rule("sync.store", ("core", "sync.domain"), ("sqlalchemy", "polars", "upath")),
    Rule("sync.engine", ("core", "medusa", "sync.domain", "sync.clients", "sync.store"), ("polars", "upath")),
    Rule("etsy.domain", PURE_ROOMS, PURE),
    Rule("etsy.client", ("core", "etsy.domain"), ("httpx", "pydantic")),
    Rule("etsy.store", ("core", "etsy.domain"), ("sqlalchemy", "pydantic")),
    Rule("etsy.engine", ("core", "medusa", "etsy.domain", "etsy.client", "etsy.store"), ("polars", "pydantic", "PIL")),
    # The one room where both systems meet: what is sold on Etsy is booked in the log of the shop.
    Rule("sales", ("core", "medusa", "sync.domain", "sync.engine", "sync.store", "etsy"), ()),
    Rule("console.store", ("core",), ("sqlalchemy", "pwdlib", "itsdangerous")),
    Rule(
        "migrations",
        ("core.store", "sync.store.models", "etsy.store.models", "console.store.models"),
        ("alembic", "sqlalchemy"),
    ),
    Rule("settings", ("core.files", "core.addresses", "sync.domain"), ("pydantic", "pydantic_settings")),
    Rule("remedies", ("core.errors",)),
    Rule("app", ("settings", "remedies", "core", "medusa", "sync", "etsy"), ("pydantic", "slack_sdk")),
    Rule("shops", ("app", "settings", "core.errors", "sync.clients"), ("pydantic", "dotenv", "sqlalchemy")),
    Rule("health", BELOW_FACES, ("pydantic",)),
    Rule("decisions", (*BELOW_FACES, "etsy_decisions")),
    Rule("etsy_decisions", ("app", "core", "etsy")),
    Rule("environment", ("settings", "core.errors", "core.files"), ("pydantic", "dotenv", "upath")),
    Rule("first_start", ("app", "environment", "health", "settings", "core.errors"), ("pydantic",)),
    Rule(
        "console",
        (*BELOW_FACES, "decisions", "first_start"),
        (
            "fastapi",
            "starlette",
            "graphql",
            "jinja2",
            "jinja2_fragments",
            "prometheus_client",
            "polars",
            "pydantic",
            "upath",
        ),
    ),
    Rule(
        "defs",
        (*BELOW_FACES, "decisions"),
        (
            "dagster",
            "dagster_slack",
            "polars",
            "dataframely",
            "pydantic",
            "slack_sdk",
            "upath",
            "dagster_webserver",
            "starlette",
        ),
    ),
    Rule("definitions", ("defs",)),
    Rule(
        "sandbox",
        ("core", "medusa", "sync.domain", "sync.engine.categories", "settings"),
        ("httpx", "polars", "pydantic", "psycopg2"),
    ),
    Rule("cli.sandbox", (*BELOW_FACES, "cli", "sandbox"), ("typer", "rich")),
    Rule("cli.demo", (*BELOW_FACES, "cli", "console", "environment", "etsy_decisions", "sandbox"), ("typer", "polars")),
    Rule(
        "cli",
        (*BELOW_FACES, "defs", "decisions", "etsy_decisions", "console", "environment", "first_start"),
        ("typer", "rich", "pydantic", "uvicorn", "upath"),
    ),
)


def imports(source: str, module: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a module imports, also inside functions."""
    package = module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(filter(None, [*package.split(".")[: len(package.split(".")) - node.level + 1], base]))
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def within(name: str, rooms: Sequence[str]) -> bool:
    """Whether a name lies in one of the rooms."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def rule_of(module: str) -> Rule:
    """The rule of a module, named without the package."""
    return next(rule for rule in RULES if within(module, [rule.room]))


def breaches(source: str, module: str) -> list[str]:
    """`line: what it imports` for every import that the room of the module may not have."""
    rule = rule_of(module)
    found = []
    for line, name in imports(source, f"{PREFIX}.{module}"):
        top = name.partition(".")[0]
        if top == PREFIX:
            allowed = within(name.removeprefix(f"{PREFIX}."), [rule.room, *rule.rooms])
        else:
            allowed = top in sys.stdlib_module_names or top in rule.libraries
        if not allowed:
            found.append(f"{line}: {rule.room} may not import {name}")
    return found


MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py" or path.read_text()
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_what_its_room_may(module: str) -> None:
    path = MODULES[module]
    found = breaches(path.read_text(), module.removesuffix(".__init__"))
    assert found == [], "\n".join(f"{path}:{breach}" for breach in found)


LATE = ("app", "cli.main", "cli.ui", "core.store.database")


@pytest.mark.parametrize("module", [module for module in MODULES if module not in LATE])
def test_imports_stand_at_the_top(module: str) -> None:
    """Commands, the App's parts and what migrates are loaded when they are needed; nothing else hides an import."""
    inner = [
        node.lineno
        for function in ast.walk(ast.parse(MODULES[module].read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inner == []


@pytest.mark.parametrize(
    ("module", "line", "allowed"),
    [
        ("sync.domain.plans", "import httpx", False),
        ("sync.domain.plans", "import polars as pl", True),
        ("sync.domain.plans", "from awin_medusa_pipeline.sync.engine.apply import Engine", False),
        ("sync.domain.plans", "from awin_medusa_pipeline.medusa import client", False),
        ("sync.domain.plans", "from awin_medusa_pipeline.medusa.shapes import level", True),
        ("sync.engine.runs", "from awin_medusa_pipeline.settings import Settings", False),
        ("sync.engine.runs", "from awin_medusa_pipeline.etsy.domain import plan", False),
        ("sync.engine.runs", "import dagster as dg", False),
        ("etsy.engine.jobs", "from awin_medusa_pipeline.sync.store.ledger import Ledger", False),
        ("etsy.engine.jobs", "from ..store import jobs", True),
        ("etsy.engine.jobs", "from ...sync import domain", False),
        ("etsy.engine.daily", "from awin_medusa_pipeline.sales.importer import import_sales", False),
        ("sales.booking", "from awin_medusa_pipeline.sync.store.ledger import Ledger", True),
        ("sales.booking", "from awin_medusa_pipeline.app import App", False),
        ("core.http", "from awin_medusa_pipeline.medusa.client import MedusaClient", False),
        ("core.tables", "import sqlalchemy", False),
        ("core.store.outbox", "import sqlalchemy", True),
        ("app", "from awin_medusa_pipeline.defs.resources import sync_run", False),
        ("defs.checks", "import typer", False),
        ("cli.plans", "from awin_medusa_pipeline.sandbox import Sandbox", False),
        ("cli.demo", "from awin_medusa_pipeline.sandbox import Sandbox", True),
        ("cli.plans", "import dagster", False),
        ("sync.domain.plans", "def plan():\n    import httpx", False),
    ],
)
def test_the_rules_see_a_breach(module: str, line: str, allowed: bool) -> None:
    assert (breaches(line, module) == []) is allowed


def test_settings_are_read_by_the_app_and_the_faces_alone() -> None:
    callers = {
        module.partition(".")[0]
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Settings"
    }
    assert callers == {"cli", "console", "shops", "first_start"}


def test_importing_the_package_starts_no_threads_of_polars() -> None:
    """A process that is forked after it would wait for them for ever."""
    modules = ", ".join(f"awin_medusa_pipeline.{name}" for name in ("definitions", "cli.main", "sandbox"))
    code = f"import os, polars, numpy; before = os.listdir('/proc/self/task'); import {modules}; "
    code += "assert len(os.listdir('/proc/self/task')) == len(before)"
    subprocess.run([sys.executable, "-c", code], check=True)
