"""domain/ is pure: it may be read, tested and reasoned about without Dagster, a network or a database."""

import ast
from pathlib import Path

import pytest

import awin_medusa_pipeline.domain

PACKAGE = "awin_medusa_pipeline"
ROOM = Path(awin_medusa_pipeline.domain.__file__).parent
FORBIDDEN = (
    "dagster",
    "httpx",
    "sqlalchemy",
    *(f"{PACKAGE}.{room}" for room in ("clients", "store", "engine", "assets")),
)
FILES = sorted(ROOM.rglob("*.py"))


def imports(source: str) -> set[str]:
    """Every module that the source names, inside functions and type checking blocks too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(
                filter(None, [f"{PACKAGE}.domain" if node.level == 1 else PACKAGE if node.level else "", node.module])
            )
            found.update({base, *(f"{base}.{alias.name}" for alias in node.names)})
    return found


def forbidden(source: str) -> set[str]:
    return {name for name in imports(source) if any(name == one or name.startswith(f"{one}.") for one in FORBIDDEN)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_domain_imports_nothing_from_outside(file: Path) -> None:
    assert forbidden(file.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "source",
    [
        "import dagster as dg",
        "from httpx import Client",
        "def f():\n    import sqlalchemy.orm",
        "from awin_medusa_pipeline import store",
        "from awin_medusa_pipeline.clients.http import send",
        "from ..engine import apply",
        "from .. import assets",
    ],
)
def test_the_rule_notices(source: str) -> None:
    assert forbidden(source)


def test_there_is_something_to_check() -> None:
    assert {"matching.py", "products.py"} <= {file.name for file in FILES}
