"""The faults that mutants are made of, and that every module of the domains has tests to notice them."""

import pytest

from awin_medusa_pipeline_tests.tools.mutants import operators, suites

CASES = [
    ("a < b", ["a <= b", "a > b"]),
    ("a >= b", ["a > b", "a <= b"]),
    ("a < b == c", ["a <= b == c", "a > b == c", "a < b != c"]),
    ("a not in b", ["a in b"]),
    ("a is None", ["a is not None"]),
    ("a and b", ["a or b"]),
    ("x & ~y", ["x | ~y", "x & y"]),
    ("not a", ["a"]),
    ("3", ["4"]),
    ("0.5", ["1.5"]),
    ("True", ["False"]),
    ("'text'", []),
    ("b if a else c", ["c if a else b"]),
    ("[a for a in b if a]", ["[a for a in b if not a]"]),
    ("any(a)", ["all(a)"]),
    ("a.is_null()", ["a.is_not_null()"]),
    ("pl.when(a)", ["pl.when(~a)"]),
    ("rows.filter(a, b)", []),
    ("f(strict=True, maintain_order=True)", ["f(strict=True, maintain_order=False)"]),
]


@pytest.mark.parametrize(("code", "expected"), CASES, ids=[code for code, _ in CASES])
def test_faults(code: str, expected: list[str]) -> None:
    assert sorted(mutant.source for mutant in operators.mutants("m.py", code)) == sorted(expected)


def test_a_condition_is_turned_once_and_annotations_are_not() -> None:
    source = "def f(a: int | None = 1) -> A | B:\n    # Why.\n    if not a:\n        return b\n    c: X | Y = d"
    found = operators.mutants("m.py", source)
    assert [(one.line, one.text, one.before, one.after) for one in found] == [
        (1, "def f(a: int | None = 1) -> A | B:", "1", "2"),
        (3, "if not a:", "if not a:", "if a:"),
    ]


def test_each_mutant_has_one_fault() -> None:
    source = "a < 1 and b"
    assert {mutant.source for mutant in operators.mutants("m.py", source)} == {
        "a < 1 or b",
        "a <= 1 and b",
        "a > 1 and b",
        "a < 2 and b",
    }


def test_each_module_has_tests_that_are_there() -> None:
    modules = suites.modules()
    assert {module.partition("/")[0] for module in modules} == {"sync", "etsy"}
    for module in modules:
        suite = suites.suite_of(module)
        assert suite, module
        assert [file for file in suite if not (suites.PROJECT / file).is_file()] == [], module
    assert suites.ALSO.keys() <= {*modules}
