"""Parses columns of feed cells into text, prices, stock, GTINs and addresses.

Input has been through blank_to_null. Functions work on whole columns; slow repairs (entities, broken encodings) run
only on rows that show signs of needing them.
"""

import html
from collections.abc import Callable

import ftfy
import polars as pl

from awin_medusa_pipeline.core.contracts import MONEY

# AWIN's and Google's own values first, then words seen in stock_status ("disponível", "1") and similar ones.
_IN_STOCK = """
    1 true yes y in_stock instock available limited limited_stock low_stock limited_availability
    disponível em_estoque disponible disponibile in_magazzino en_stock verfügbar lieferbar auf_lager sofort_lieferbar
    op_voorraad på_lager i_lager
"""
# Google: a preorder or backorder can be placed but not shipped yet, so nothing is in stock.
_OUT_OF_STOCK = """
    0 false no n out_of_stock outofstock sold_out soldout unavailable not_available discontinued
    preorder pre-order pre_order backorder back_order
    indisponível esgotado sem_estoque agotado no_disponible non_disponibile esaurito épuisé rupture
    rupture_de_stock en_rupture_de_stock nicht_verfügbar nicht_auf_lager ausverkauft niet_op_voorraad uitverkocht
    slutsåld ikke_på_lager
"""
STOCK_WORDS = dict.fromkeys(_IN_STOCK.split(), True) | dict.fromkeys(_OUT_OF_STOCK.split(), False)
NO_VALUE = ["n/a", "na", "none", "null", "-", "--", ".", "unknown", "not available", "not applicable", "unbranded"]
SYMBOLS = {
    "€": "EUR",
    "£": "GBP",
    "zł": "PLN",
    "r$": "BRL",
    "us$": "USD",
    "a$": "AUD",
    "c$": "CAD",
    "₺": "TRY",
    "₹": "INR",
}
_CURRENCIES = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd cad cdf
    chf clp cny cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd
    hnl hrk htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl
    lyd mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr
    pln pyg qar ron rsd rub rwf sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top
    try ttd twd tzs uah ugx usd uyu uzs ves vnd vuv wst xaf xcd xof xpf yer zar zmw zwg
"""
CURRENCIES = sorted(_CURRENCIES.split())
# ASCII classes: the Unicode ones take longer to compile than a chunk takes to search.
_ENTITY = r"&#?[0-9A-Za-z]+;"
_ODD = rf"  |[^ -~]|{_ENTITY}|<"
# UTF-8 read as Latin-1 or Windows-1252: a lead byte's letter, then a continuation byte's character.
_MOJIBAKE = r"[ÂÃâÅÄðÎÏÐÑ][\u{80}-\u{bf}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"


def _on(text: pl.Series, where: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply `change` to `text` only where the mask is true."""
    where = where.fill_null(False)
    if not where.any():
        return text
    if where.all():
        return change(text)
    return text.clone().scatter(where.arg_true(), change(text.filter(where)))


def _each(change: Callable[[str], str]) -> Callable[[pl.Series], pl.Series]:
    return lambda text: pl.Series(text.name, [change(value) for value in text.to_list()], dtype=pl.String)


def blank_to_null(text: pl.Series) -> pl.Series:
    """Strip white space; null where nothing is left."""
    text = text.str.strip_chars()
    return text.set(text == "", None)


def one_line(text: pl.Series) -> pl.Series:
    """Clean names: entities decoded, encoding repaired, no tags, single spaces; null where nothing is left."""

    def change(odd: pl.Series) -> pl.Series:
        odd = _decoded(odd)
        odd = _on(odd, odd.str.contains("<", literal=True), lambda t: t.str.replace_all(r"</?[a-zA-Z][^>]*>", " "))
        return blank_to_null(odd.str.replace_all(r"[\s\x00-\x1f\x7f\u{200b}\u{feff}]+", " "))

    return _on(text, text.str.contains(_ODD), change)


def many_lines(text: pl.Series) -> pl.Series:
    """Clean descriptions to plain text. Measured: a run of spaces stands for the advertiser's line break."""

    def change(odd: pl.Series) -> pl.Series:
        odd = _decoded(odd)
        odd = _on(odd, odd.str.contains("<", literal=True), _without_tags)
        foreign = odd.str.contains("\t", literal=True) | (odd.str.len_bytes() != odd.str.len_chars())
        odd = _on(odd, foreign, _plain_spaces)
        broken = odd.str.contains("\n", literal=True)
        odd = odd.str.replace_all(r"  +", "\n")
        return blank_to_null(_on(odd, broken, lambda t: t.str.replace_all(r" *\n[ \n]*", "\n")))

    return _on(text, text.str.contains(_ODD), change)


def _plain_spaces(text: pl.Series) -> pl.Series:
    """Replace a run of spaces that contains a special one by one space: it is not a line break."""
    spaces = r" *[\t\u{a0}\u{2000}-\u{200a}\u{202f}\u{3000}][ \t\u{a0}\u{2000}-\u{200a}\u{202f}\u{3000}]*"
    return text.str.replace_all(spaces, " ").str.replace_all(r"[\u{200b}\u{feff}]", "")


def _decoded(text: pl.Series) -> pl.Series:
    for _ in range(2):  # "&amp;#174;" occurs too
        text = _on(text, text.str.contains(_ENTITY), _each(html.unescape))
    # ftfy does not repair this one, the most frequent Windows-1252 case in feeds.
    return _on(text, text.str.contains(_MOJIBAKE), _each(lambda t: ftfy.fix_encoding(t.replace("â„¢", "™"))))


def _without_tags(text: pl.Series) -> pl.Series:
    return text.str.replace_all(r"(?i)<(?:br|/?p|/?li|/?ul|/?div|/?h[1-6]|/?tr)\b[^>]*>", "\n").str.replace_all(
        r"</?[a-zA-Z!][^>]*>", ""
    )


def value_or_null(text: pl.Series) -> pl.Series:
    """Set the words for "nothing" (N/A, none, a dash) to null."""
    return text.set(text.str.to_lowercase().is_in(NO_VALUE), None)


def category_path(text: pl.Series) -> pl.Series:
    """Join category parts by ' > '; of several (";;") the first. Measured separators: ' > ', '|', '>'."""

    def change(odd: pl.Series) -> pl.Series:
        first = odd.str.replace(r";;.*$", "")
        return first.str.replace_all(r"[\s>|]*[>|][\s>|]*", " > ").str.strip_chars(" >")

    return blank_to_null(_on(text, text.str.contains(r"[|>]|;;"), change))


def by_value(text: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply `change` once per distinct value: for brands, categories and the like."""
    values = text.unique().drop_nulls()
    if len(values) * 4 > len(text):
        return change(text)
    return text.replace_strict(values, change(values), default=None, return_dtype=pl.String)


def prices(text: pl.Series) -> pl.DataFrame:
    """Parse prices into columns amount (Decimal, null: no price), code (ISO currency in the cell, lower case), unclear.

    AWIN writes a decimal point; real feeds also hold "1.299,99", "8.49 €", "49.0 USD", "GBP13.5". A lone separator
    before three digits ("1.299") is unclear: thousands or three decimals, a factor of 1,000.
    """
    text = text.str.strip_chars()
    amount = text.cast(MONEY, strict=False)
    code = pl.Series([None], dtype=pl.String).new_from_index(0, len(text))
    hard = text.is_not_null() & (amount.is_null() & (text != ""))
    number = text
    if hard.any():
        parts = text.filter(hard).str.extract_groups(
            r"^(?P<before>[A-Za-z]{3}|(?i:us|r|a|c)?\$|[€£₺₹])?\s*(?P<number>-?[0-9][0-9.,'\s]*?)\s*(?P<after>[A-Za-z]{3}|[€£$₺₹]|zł)?$"
        )
        named = parts.struct.field("before").zip_with(
            parts.struct.field("before").is_not_null(), parts.struct.field("after")
        )
        named = named.str.to_lowercase()
        named = named.replace(SYMBOLS | {"$": None}).str.to_lowercase()
        digits = parts.struct.field("number").str.replace_all(r"[\s']", "")
        decimal_comma = digits.str.contains(
            r"^-?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+),[0-9]+$|^-?[0-9]{1,3}(\.[0-9]{3}){2,}$"
        )
        decimal_point = digits.str.contains(
            r"^-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)\.[0-9]+$|^-?[0-9]{1,3}(,[0-9]{3}){2,}$|^-?[0-9]+$"
        )
        cleaned = pl.select(
            pl.when(decimal_point)
            .then(digits.str.replace_all(",", "", literal=True))
            .when(decimal_comma)
            .then(digits.str.replace_all(".", "", literal=True).str.replace_all(",", ".", literal=True))
        ).to_series()
        at = hard.arg_true()
        amount = amount.scatter(at, cleaned.cast(MONEY, strict=False))
        code = code.scatter(at, named)
        number = text.clone().scatter(at, digits)
    unclear = number.str.contains(r"^[1-9][0-9]{0,2}[.,][0-9]{3}$").fill_null(False)
    return pl.DataFrame({"amount": amount, "code": code, "unclear": unclear})


def currencies(text: pl.Series) -> pl.Series:
    """Parse currency codes and symbols into ISO 4217 codes in lower case; null for anything else."""
    lower = text.str.to_lowercase().replace({symbol: code.lower() for symbol, code in SYMBOLS.items()})
    return lower.set(~lower.is_in(CURRENCIES), None)


def stock(text: pl.Series) -> pl.Series:
    """Parse stock words into booleans; null for blanks and unknown words."""
    words = text.str.to_lowercase().str.replace_all(" ", "_", literal=True)
    return words.replace_strict(STOCK_WORDS, default=None, return_dtype=pl.Boolean)


def quantities(text: pl.Series) -> pl.Series:
    """Parse whole numbers from 0; null for anything else (-1 means "unknown")."""
    number = text.cast(pl.Int64, strict=False)
    return number.set(number < 0, None)


def gtins(text: pl.Series) -> pl.Series:
    """Keep codes of 8, 12, 13 or 14 digits with a valid check digit (GS1); null for others and for lists of codes."""
    number = text.cast(pl.UInt64, strict=False)
    text = _on(text, number.is_null(), lambda t: t.str.replace_all(r"[ '-]", ""))
    number = text.cast(pl.UInt64, strict=False)
    number = number.set(~text.str.len_bytes().is_in([8, 12, 13, 14]) | text.str.contains("+", literal=True), None)
    digits = pl.col("n")
    total = digits % 10
    for place in range(1, 14):
        total += digits // 10**place % 10 * (3 if place % 2 else 1)
    valid = pl.DataFrame({"n": number}).select((digits > 0) & (total % 10 == 0)).to_series()
    return text.set(~valid.fill_null(False), None)


def web_addresses(text: pl.Series) -> pl.Series:
    """Keep http(s) addresses, with spaces encoded; null for anything else."""
    text = _on(text, text.str.contains(" ", literal=True), lambda t: t.str.replace_all(" ", "%20", literal=True))
    return text.set(~text.str.contains(r'^(?i:https?)://[^\x00-\x20/"<>]+[^\x00-\x20"<>]*$'), None)
