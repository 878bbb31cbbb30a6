"""What single cells of a feed mean."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.core.contracts import MONEY
from awin_medusa_pipeline.sync.domain.feed import cells as cell
from awin_medusa_pipeline.sync.domain.feed import stock


def _one(change: object, text: str | None) -> object:
    return change(cell.blank_to_null(pl.Series([text], dtype=pl.String)))[0]


@pytest.mark.parametrize(
    ("text", "amount", "code", "unclear"),
    [
        ("13.5", "13.5", None, False),
        ("39", "39", None, False),
        ("48.00", "48", None, False),
        (" 12,50 ", "12.5", None, False),
        ("1.299,99", "1299.99", None, False),
        ("1,299.99", "1299.99", None, False),
        ("1 299,00", "1299", None, False),
        ("1'299.00", "1299", None, False),
        ("1.299.000", "1299000", None, False),
        ("13.5000", "13.5", None, False),
        ("0.299", "0.299", None, False),
        ("8.49 €", "8.49", "eur", False),
        ("49.0 USD", "49", "usd", False),
        ("144.99 BRL", "144.99", "brl", False),
        ("GBP13.5", "13.5", "gbp", False),
        ("£5", "5", "gbp", False),
        ("R$ 12,90", "12.9", "brl", False),
        ("$5.00", "5", None, False),
        ("USD0.00", "0", "usd", False),
        ("-5", "-5", None, False),
        ("1.299", "1.299", None, True),
        ("1,299", None, None, True),
        ("€1.299", None, "eur", True),
        ("POA", None, None, False),
        ("1,2,3", None, None, False),
        ("12..5", None, None, False),
        ("NaN", None, None, False),
        ("99999999999999999999", None, None, False),
        (None, None, None, False),
    ],
)
def test_prices(text: str | None, amount: str | None, code: str | None, unclear: bool) -> None:
    found = cell.prices(pl.Series([text], dtype=pl.String)).row(0, named=True)
    assert (found["code"], found["unclear"]) == (code, unclear)
    if not unclear:  # an unclear price is rejected whatever it was read as
        assert found["amount"] == (None if amount is None else Decimal(amount))


@given(st.lists(st.decimals(0, 99_999_999, places=2), min_size=1, max_size=30))
def test_a_price_survives_every_way_to_write_it(amounts: list[Decimal]) -> None:
    def german(amount: Decimal) -> str:
        return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))

    for written in (str, "{:,.2f}".format, german, "GBP{}".format, "{} GBP".format, "{:.2f}€".format):
        found = cell.prices(pl.Series([written(amount) for amount in amounts]))
        assert found["amount"].to_list() == amounts
        assert not found["unclear"].any()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("4006381333931", "4006381333931"),
        ("036000291452", "036000291452"),
        ("96385074", "96385074"),
        ("00036000291452", "00036000291452"),
        ("978-3-16-148410-0", "9783161484100"),
        ("'4006381333931", "4006381333931"),
        ("4006381333932", None),
        ("6953123660092,6953123622373", None),
        ("0000000000000", None),
        ("123456789", None),
        ("4.00638E+12", None),
        ("٤٠٠٦٣٨١٣", None),
        ("N/A", None),
        (None, None),
    ],
)
def test_gtins(text: str | None, code: str | None) -> None:
    assert _one(cell.gtins, text) == code


@given(st.integers(1, 10**13 - 1), st.sampled_from([8, 12, 13, 14]), st.integers(1, 9))
def test_one_check_digit_of_ten_is_valid(number: int, length: int, off: int) -> None:
    body = str(number)[: length - 1].zfill(length - 1)
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(body)))
    check = -total % 10
    assert _one(cell.gtins, f"{body}{check}") == (f"{body}{check}" if int(body + str(check)) else None)
    assert _one(cell.gtins, f"{body}{(check + off) % 10}") is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Tom &amp; Jerry &#174;", "Tom & Jerry ®"),
        ("Twice &amp;#174;", "Twice ®"),
        ("R&D; kit", "R&D; kit"),
        ("A\u00a0 b\t c", "A b c"),
        ("<b>Bold</b>name", "Bold name"),
        ("5 < 6 and a <3", "5 < 6 and a <3"),
        ("CafÃ©", "Café"),
        ("Brand Â®", "Brand ®"),
        ("Lampâ„¢", "Lamp™"),
        ("NÃO é São", "NÃO é São"),
        ("ÂME", "ÂME"),
        ("Lamp \u202eevil\u202c \x1b[2J\x9b5m", "Lamp evil [2J 5m"),
        ("  ", None),
        ("\u00a0", None),
        ("&nbsp;", None),
        (None, None),
    ],
)
def test_names_become_one_clean_line(text: str | None, shown: str | None) -> None:
    assert _one(cell.one_line, text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("First.  Second.   Third.", "First.\nSecond.\nThird."),
        ("First.\n\nSecond.", "First.\nSecond."),
        ("First.\u00a0 Second\u00a0cm", "First. Second cm"),
        ("One<br/>two<p>three</p><b>x</b>", "One\ntwo\nthree\nx"),
        ("&lt;ul&gt;&lt;li&gt;a&lt;/li&gt;&lt;/ul&gt;", "a"),
        ("Plain, short.", "Plain, short."),
        ("<p>Nice</p><script>alert(1)</script><style>p{color:red}</style>", "Nice"),
        ("A<SCRIPT type='x'>\nif (a < b) {}\n</SCRIPT >B<!-- c > d -->", "AB"),
        ("Turned \u202eround\u202c, \x1b[2Jwiped", "Turned round, [2Jwiped"),
        (" ", None),
        (None, None),
    ],
)
def test_descriptions_keep_their_lines(text: str | None, shown: str | None) -> None:
    assert _one(cell.many_lines, text) == shown


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Clothing > Coats", "Clothing > Coats"),
        ("Shoes|Boots|Walking", "Shoes > Boots > Walking"),
        ("A>B", "A > B"),
        ("Mens;;Womens|Trainers|Trainers", "Mens"),
        ("|A||B|", "A > B"),
        ("Tops/T-Shirts", "Tops/T-Shirts"),
        ("Home > Kitchen, Sale > Pots", "Home > Kitchen"),
        ("Home > Kitchen | Sale > Pots", "Home > Kitchen"),
        ("Bags > Handbags, Wallets & Cases > Clutches", "Bags > Handbags, Wallets & Cases > Clutches"),
        ("Home->Kitchen", "Home > Kitchen"),
        ("Home » Kitchen › Pots", "Home > Kitchen > Pots"),
        ("632", None),
        ("632 - Hardware > Tools", "Hardware > Tools"),
        ("632, 1234", None),
        ("3D Printers", "3D Printers"),
        (" > ", None),
        (None, None),
    ],
)
def test_category_paths(text: str | None, path: str | None) -> None:
    assert _one(cell.category_path, text) == path


@pytest.mark.parametrize(
    ("text", "in_stock"),
    [
        *(
            (word, True)
            for word in (
                "1",
                "in stock",
                "In_Stock",
                "TRUE",
                "disponível",
                "limited stock",
                "Auf Lager",
                "ja",
                "25",
                "https://schema.org/InStock",
            )
        ),
        *(
            (word, False)
            for word in ("0", "out of stock", "Sold Out", "preorder", "backorder", "ausverkauft", "nein", "-3")
        ),
        *((word, None) for word in ("perhaps", "2026-01-01", None)),
    ],
)
def test_stock_words(text: str | None, in_stock: bool | None) -> None:
    assert _one(stock.stock, text) is in_stock


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        *((text, 12) for text in ("12", "12.0000", "12,00", "12 pcs", "noch 12 Stück", "(12)", ">12", "12+", "12.9")),
        *((text, 0) for text in ("0", "0.0000", "0.0", "0,00", "0.5", "0 Stk.")),
        *((text, -1) for text in ("-1", "-2.0000")),
        *((text, 1_234) for text in ("1,234", "1 234", "1'234", "1.234,00", "1,234.00")),
        *((text, None) for text in ("many", "<5", "2026-01-01", "1e3", "99999999999999999999", None)),
    ],
)
def test_quantities(text: str | None, quantity: int | None) -> None:
    assert _one(stock.quantities, text) == quantity


@pytest.mark.parametrize(
    ("text", "moment", "end"),
    [
        ("2025-01-31", "2025-01-31 00:00:00", "2025-01-31 23:59:59.999999"),
        ("20250131", "2025-01-31 00:00:00", "2025-01-31 23:59:59.999999"),
        *(
            (text, "2025-01-31 12:30:00", "2025-01-31 12:30:00")
            for text in (
                *("2025-01-31T12:30", "2025-01-31 12:30:00", "2025-01-31T12:30:00.000Z", "2025-01-31T12:30Z"),
                *("2025-01-31T13:30+01", "2025-01-31T13:30:00+01:00", "2025-01-31T13:30+0100", "20250131T123000Z"),
                *("2025-01-31T12:30:00,5", "2025-01-31t12:30z", "2025-01-31 07:00 -0530", "2025-01-31T12:30 UTC"),
            )
        ),
        *((text, None, None) for text in ("31/01/2025", "2025-02-30", "2025-01-31T25:00", "soon", "2025", None)),
        *((f"2025-01-31T{time}", None, None) for time in ("24:00", "12:60", "12:59:61")),
        ("2025-01-31T23:59:59", "2025-01-31 23:59:59", "2025-01-31 23:59:59"),
    ],
)
def test_moments(text: str | None, moment: str | None, end: str | None) -> None:
    for read, expected in ((_one(cell.moments, text), moment), (_one(partial(cell.moments, end=True), text), end)):
        assert read == (expected and datetime.fromisoformat(expected).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://a.example/b c.png", "https://a.example/b%20c.png"),
        ("HTTP://a.example/x?w=1,2", "HTTP://a.example/x?w=1,2"),
        ("//a.example/x.png", "https://a.example/x.png"),
        ("www.a.example/x.png", "https://www.a.example/x.png"),
        ("https://a.example/x?w=1&amp;amp;h=2&#038;d=3", "https://a.example/x?w=1&h=2&d=3"),
        (r"https:\/\/a.example\/x.png", "https://a.example/x.png"),
        ('["https://a.example/x.png"]', "https://a.example/x.png"),
        ("ftp://a.example/x", None),
        ("javascript:alert(1)", None),
        ("https://", None),
        ('https://a.example/"><script>', None),
        ("https://user:password@a.example/x.png", None),
        ("https://user@a.example/x.png", None),
        ("https://a.example\\@b.example/x.png", None),
        ("https://a.example/x@2.png", "https://a.example/x@2.png"),
        ("https://a.example?size=@2", "https://a.example?size=@2"),
        ("https://a.example/\u202egnp.exe", None),
        ("https://a.example/\x9bx", None),
        (f"https://a.example/{'x' * 2_030}", f"https://a.example/{'x' * 2_030}"),
        (f"https://a.example/{'x' * 2_031}", None),
        (f"//a.example/{'x' * 2_031}", None),
        (None, None),
    ],
)
def test_web_addresses(text: str | None, address: str | None) -> None:
    assert _one(cell.web_addresses, text) == address


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("0.0001", "gbp", "0"),
        ("0.0049", "gbp", "0"),
        ("0.005", "gbp", "0.01"),
        ("12.345", "eur", "12.35"),
        ("12.3456", "kwd", "12.346"),
        ("12.5", "jpy", "13"),
        ("0.4", "jpy", "0"),
        ("12.345", None, "12.35"),
        (None, "gbp", None),
    ],
)
def test_prices_have_the_decimals_of_their_currency(
    amount: str | None, currency: str | None, shown: str | None
) -> None:
    amounts = pl.Series([amount and Decimal(amount)], dtype=MONEY)
    (found,) = cell.rounded(amounts, pl.Series([currency], dtype=pl.String))
    assert found == (shown and Decimal(shown))


@pytest.mark.parametrize(
    ("amount", "currency", "is_beyond"),
    [
        ("10000000", "gbp", False),
        ("10000000.01", "gbp", True),
        ("10000001", "jpy", False),
        ("10000000001", "irr", True),
        ("99999999999999", "idr", True),
        ("99999999999999", None, True),
        (None, "gbp", False),
    ],
)
def test_prices_beyond_what_is_sold(amount: str | None, currency: str | None, is_beyond: bool) -> None:
    amounts = pl.Series([amount and Decimal(amount)], dtype=MONEY)
    assert cell.beyond(amounts, pl.Series([currency], dtype=pl.String)).to_list() == [is_beyond]


@pytest.mark.parametrize(
    ("text", "code"),
    [("GBP", "gbp"), ("eur", "eur"), ("£", "gbp"), ("$", None), ("XXZ", None), ("99.9", None), (None, None)],
)
def test_currencies(text: str | None, code: str | None) -> None:
    assert _one(cell.currencies, text) == code


def test_values_that_mean_nothing() -> None:
    assert cell.value_or_null(pl.Series(["N/A", "n/a", "-", "None", "Navy", None])).to_list() == [None] * 4 + [
        "Navy",
        None,
    ]


@given(st.lists(st.one_of(st.none(), st.text(max_size=30)), max_size=20))
def test_any_text_is_survived(texts: list[str | None]) -> None:
    series = cell.blank_to_null(pl.Series(texts, dtype=pl.String))
    for change in (cell.one_line, cell.many_lines, cell.category_path, cell.web_addresses, cell.gtins, stock.stock):
        assert len(change(series)) == len(texts)
    assert cell.prices(series).height == len(texts)
    names = cell.one_line(series).drop_nulls()
    assert not names.str.contains(r"^\s|\s$|^$|\s\s|\n").any()


@pytest.mark.parametrize(
    ("change", "texts", "shown"),
    [
        (cell.one_line, ["Plain", "a &amp; b", None, "<b>x</b>"], ["Plain", "a & b", None, "x"]),
        (cell.one_line, ["CafÃ©", "&eacute;", "a\u200bb"], ["Café", "é", "a b"]),
        (cell.many_lines, ["Plain", "a  b", "a<br>b", "a\u00a0b\tc", None], ["Plain", "a\nb", "a\nb", "a b c", None]),
        (cell.many_lines, ["a\tb", "a \n\n b", "é  f"], ["a b", "a\nb", "é\nf"]),
        (cell.category_path, ["A|B", "A", None, "A > B;;C"], ["A > B", "A", None, "A > B"]),
        (cell.web_addresses, ["http://i/a b", "http://i/c", "x", None], ["http://i/a%20b", "http://i/c", None, None]),
        (cell.gtins, ["96385074", "4006381-333931", None, "+6385074"], ["96385074", "4006381333931", None, None]),
        (stock.quantities, ["1", "-1", "0", "x", None], [1, -1, 0, None, None]),
        (cell.currencies, ["GBP", "€", "xx", None], ["gbp", "eur", None, None]),
    ],
)
def test_a_cell_never_reaches_its_neighbours(change: object, texts: list[str | None], shown: list[object]) -> None:
    assert change(pl.Series(texts, dtype=pl.String)).to_list() == shown


@pytest.mark.parametrize("repeated", [1, 3, 5])
def test_a_change_once_per_value_is_the_change_of_each(repeated: int) -> None:
    texts = pl.Series(["a &amp; b", "c", None] * repeated)
    assert cell.by_value(texts, cell.one_line).to_list() == ["a & b", "c", None] * repeated
