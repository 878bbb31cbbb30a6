"""The domain/ rooms are pure: to be read, tested and reasoned about without Dagster, a network or a database."""

import ast
from pathlib import Path

import pytest

import awin_medusa_pipeline

PACKAGE = "awin_medusa_pipeline"
RELATIVE = ("", f"{PACKAGE}.sync.domain", f"{PACKAGE}.sync", PACKAGE)
HOUSE = Path(awin_medusa_pipeline.__file__).parent
FORBIDDEN = (
    "dagster",
    "httpx",
    "sqlalchemy",
    *(f"{PACKAGE}.core.{room}" for room in ("http", "images", "slack", "store")),
    *(f"{PACKAGE}.{room}" for room in ("medusa.client", "defs", "cli", "sandbox")),
    *(f"{PACKAGE}.sync.{room}" for room in ("clients", "store", "engine")),
    *(f"{PACKAGE}.etsy.{room}" for room in ("client", "store", "engine", "context")),
)
# Their operations still come from the engine that sends them.
NOT_YET = {HOUSE / "sync" / "domain" / name for name in ("plans.py", "field_plans.py")}
FILES = sorted(
    {
        *(file for system in ("sync", "etsy") for file in (HOUSE / system / "domain").rglob("*.py")),
        *(HOUSE / "medusa" / name for name in ("catalog.py", "products.py")),
    }
    - NOT_YET
)


def imports(source: str) -> set[str]:
    """Every module that the source names, inside functions and type checking blocks too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [RELATIVE[node.level], node.module]))
            found.update({base, *(f"{base}.{alias.name}" for alias in node.names)})
    return found


def forbidden(source: str) -> set[str]:
    return {name for name in imports(source) if any(name == one or name.startswith(f"{one}.") for one in FORBIDDEN)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HOUSE)))
def test_domain_imports_nothing_from_outside(file: Path) -> None:
    assert forbidden(file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "source",
    [
        "import dagster as dg",
        "from httpx import Client",
        "def f():\n    import sqlalchemy.orm",
        "from awin_medusa_pipeline.sync import store",
        "from awin_medusa_pipeline.core.http import send",
        "from ..engine import apply",
        "from .. import store",
    ],
)
def test_the_rule_notices(source: str) -> None:
    assert forbidden(source)


def test_there_is_something_to_check() -> None:
    assert {"matching.py", "products.py"} <= {file.name for file in FILES}
