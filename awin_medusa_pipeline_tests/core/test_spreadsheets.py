"""CSV for spreadsheets: whatever separator one takes, no cell begins a formula, and numbers stay numbers."""

import csv
import io
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.core import spreadsheets
from awin_medusa_pipeline.core.contracts import MONEY
from awin_medusa_pipeline.core.legible import HIDDEN
from awin_medusa_pipeline.core.spreadsheets import as_csv, harmless, write_rows

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫"
PASSED_OVER = ' "\u00a0\u3000\t\r\n\u200b\u200c\u200d\ufeff\u2060'
PIECES = (
    *SIGNS,
    *PASSED_OVER,
    ";",
    "|",
    ",",
    "'",
    "a",
    "1",
    "\u202e",
    "\x1b[31m",
    "\x00",
    "\x85",
    "\u2028",
    "cmd|'/C calc'!A0",
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=12)


def written(table: pl.DataFrame) -> str:
    out = io.BytesIO()
    as_csv(table.lazy()).collect().write_csv(out, quote_style="non_numeric")
    return out.getvalue().decode()


def formulas(text: str, separator: str) -> list[str]:
    """Cells that a spreadsheet with this separator would run."""
    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]
    return [cell for cell in cells if cell.strip().lstrip(PASSED_OVER).startswith(tuple(SIGNS))]


@given(st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=3)), min_size=1, max_size=4))
def test_no_cell_begins_a_formula_with_any_separator(rows: list[tuple[str, list[str]]]) -> None:
    table = pl.DataFrame(
        {
            "text": [text.encode("utf-8", "replace").decode() for text, _ in rows],
            "list": [[one.encode("utf-8", "replace").decode() for one in many] for _, many in rows],
        },
        schema={"text": pl.String, "list": pl.List(pl.String)},
    )
    by_hand = io.StringIO(newline="")
    write_rows(by_hand, ("text", "list"), [(text, " | ".join(many)) for text, many in table.iter_rows()])
    for text in (written(table), by_hand.getvalue()):
        assert [found for separator in ",;\t|" for found in formulas(text, separator)] == []
        assert HIDDEN.search(text.replace("\n", "").replace("\t", "")) is None


@given(TEXTS)
def test_both_ways_of_writing_agree(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    (row,) = csv.DictReader(io.StringIO(written(pl.DataFrame({"a": [text], "b": ["x"]})), newline=""))
    # Joiners between letters are judged by hand alone.
    if not {"\u200c", "\u200d"} & set(text) and harmless(text).isascii():
        assert row["a"] == harmless(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("x;=1+1", "x;'=1+1"),
        ("x; =1+1", "x; '=1+1"),
        ("a\t@SUM(A1)", "a\t'@SUM(A1)"),
        ("  -5", "  '-5"),
        ('"=cmd"', '"\'=cmd"'),
        ("＝cmd", "'＝cmd"),
        ("a\n+1", "a\n'+1"),
        ("a\r+1", "a\\x0d+1"),
        ("a | -b", "a | '-b"),
        ("\tx", "'\tx"),
        ("wash-hand basin; white", "wash-hand basin; white"),
        ("3-5 days, +49 30", "3-5 days, +49 30"),
    ],
)
def test_a_sign_is_neutralised_where_a_cell_could_begin(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_numbers_stay_numbers_and_texts_are_quoted() -> None:
    table = pl.DataFrame(
        {"level": [-1], "price": [Decimal("-3.10")], "name": ["a;b"], "pipes": ["a|b"], "plain": ["a"]},
        schema_overrides={"price": MONEY},
    )
    assert written(table).splitlines()[1] == '-1,"-3.1","a;b","a|b","a"'


def test_only_the_texts_that_need_it_are_changed() -> None:
    texts = ["=1", None, "sound", "a\u202eb", "x;-1", "", "\tx"]
    table = pl.DataFrame({"text": texts, "list": [[text] for text in texts]}).lazy()
    changed = as_csv(table).collect()
    expected = ["'=1", None, "sound", "a\\u202eb", "x;'-1", "", "'\tx"]
    assert changed["text"].to_list() == expected
    assert changed["list"].to_list() == [text or "" for text in expected]
    assert as_csv(table.clear()).collect().height == 0


def test_sound_texts_are_searched_and_not_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """To rewrite every text of a million rows took nine times as long as to write them (measured)."""
    spreadsheets._anything()
    monkeypatch.setattr(spreadsheets, "_marks", lambda: pytest.fail("rewritten"))
    table = pl.DataFrame({"text": ["https://example.com/p?a=1&b=-2", "3-5 days; white", "Lämp"]})
    assert as_csv(table.lazy()).collect().equals(table)
