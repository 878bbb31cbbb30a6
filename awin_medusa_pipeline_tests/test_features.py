"""docs/features.md and security.md: each place and each test that they name exists."""

import ast
import re
from functools import cache

import pytest

from awin_medusa_pipeline.settings import PROJECT_ROOT
from awin_medusa_pipeline_tests.support.places import PACKAGE

TESTS = PROJECT_ROOT / "awin_medusa_pipeline_tests"
PAGE = (PROJECT_ROOT / "docs" / "features.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| asked for", "| **"))
]


def names(cell: str) -> list[str]:
    """What a cell names, without its marks."""
    return re.findall(r"`([^`]+)`", cell)


@cache
def functions_in(file: str) -> frozenset[str]:
    """Names of the tests in a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return frozenset(name for name in functions if name.startswith("test_"))


@pytest.mark.parametrize(("asked", "where", "held_by"), ROWS, ids=[row[0][:60] for row in ROWS])
def test_a_row_names_what_exists(asked: str, where: str, held_by: str) -> None:
    places = names(where)
    assert places
    assert [place for place in places if not (PACKAGE / place).is_file()] == []
    assert names(held_by) or "](" in held_by
    for name in names(held_by):
        if name.startswith("make "):
            continue
        file, _, test = name.partition("::")
        assert (TESTS / file).is_file(), f"there is no {file}"
        assert functions_in(file), f"{file} has no test"
        assert not test or test in functions_in(file), f"{file} has no {test}"


def test_the_page_has_a_row_per_thing() -> None:
    assert len(ROWS) > 70
    assert len({asked for asked, _, _ in ROWS}) == len(ROWS)


SECURITY = (PROJECT_ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ATTACKS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
    for line in SECURITY.partition("## Attacks")[2].splitlines()
    if line.startswith("| ") and not line.startswith("| attack")
]


@pytest.mark.parametrize("row", ATTACKS, ids=[row[0][:60] for row in ATTACKS])
def test_an_attack_is_played_by_a_test_that_exists(row: list[str]) -> None:
    _, gets, played_by = row
    assert gets
    assert names(played_by)
    file = ""
    for name in names(played_by):
        path, _, test = name.partition("[")[0].partition("::")
        file = path or file
        assert (TESTS / file).is_file(), f"there is no {file}"
        assert not test or test in functions_in(file), f"{file} has no {test}"
