"""Parses columns of feed cells into text, prices, stock, GTINs and addresses.

Input has been through blank_to_null. Functions work on whole columns; slow repairs (entities, broken encodings) run
only on rows that show signs of needing them.
"""

import html
from collections.abc import Callable
from functools import lru_cache

import ftfy
import polars as pl

from awin_medusa_pipeline.core.contracts import MONEY
from awin_medusa_pipeline.sync.domain.feed.markup import lines_of, words_of

MOMENT = pl.Datetime("us", "UTC")
_FEW = 100
NO_VALUE = ["n/a", "na", "none", "null", "-", "--", ".", "unknown", "not available", "not applicable", "unbranded"]
# Half the time of lower case and a look into the list.
_NO_VALUE = rf"^(?i:{'|'.join(value.replace('.', '[.]') for value in NO_VALUE)})$"
LONGEST_ADDRESS = 2_048
"""Bytes; browsers and proxies take no longer ones for granted."""
# In an address: no quotes, no controls, no marks that turn the direction of what is shown.
_NEVER = r'\x00-\x20\x7f-\u{9f}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{2069}\u{feff}"<>'
# No "@" before the path: names and passwords are not for those who see the address. Browsers read a backslash as "/".
_HOST = rf"[^{_NEVER}/?#@\\]+"
_ADDRESS = rf"^(?i:https?)://{_HOST}(?:[/?#][^{_NEVER}]*)?$"
# Neither a second "//", a backslash nor an "&" that begins an entity in it.
_PLAIN_ADDRESS = (
    rf"^(?i:https?)://(?:[^{_NEVER}/@\\&]|&[^{_NEVER}/@\\&a#])+"
    rf"(?:/(?:[^{_NEVER}/\\&]|&[^{_NEVER}/\\&a#])+)*/?$"
)
# What separates addresses, and the beginning of the next: "a.jpg, https://b", "a.jpg|//b", ["https:\/\/a", ...].
_BETWEEN = r"""[\s,|;"'\[]+((?:https?:)?(?:\\?/){2})"""
# How shops write that a row has no parent.
NO_PARENT = ["false", "no", "nil", "nan", "undefined", "[(]null[)]", "#n/a"]
_NO_PARENT = rf"^-?0*(?:[.,]0*)?$|^-1(?:[.,]0*)?$|^(?i:{'|'.join(NO_PARENT)})$|{_NO_VALUE}"
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
# A euro buys hundreds or thousands of these: prices have three digits more.
SMALL_UNITS = [
    *("amd", "ars", "bif", "clp", "cop", "crc", "gnf", "huf", "idr", "iqd", "irr", "jpy", "khr", "kmf", "krw", "kzt"),
    *("lak", "lbp", "lkr", "mga", "mmk", "mnt", "mwk", "ngn", "pkr", "pyg", "rwf", "sdg", "sos", "stn", "syp", "tzs"),
    *("ugx", "uzs", "vnd", "xaf", "xof", "yer"),
]
HIGHEST_PRICE = 10_000_000
"""Of one piece; of SMALL_UNITS a thousand times as much. Nothing that costs more is sold by a click."""
# ISO 4217, minor units.
THREE_DECIMALS = ["bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"]
NO_DECIMALS = [
    "bif",
    "clp",
    "djf",
    "gnf",
    "isk",
    "jpy",
    "kmf",
    "krw",
    "pyg",
    "rwf",
    "ugx",
    "vnd",
    "vuv",
    "xaf",
    "xof",
    "xpf",
]
# ASCII classes: the Unicode ones take longer to compile than a chunk takes to search.
_ENTITY = r"&#?[0-9A-Za-z]+;"
_RICH = rf"[^ -~]|{_ENTITY}|<"
_ODD = rf"  |{_RICH}"
# What no text needs: controls, and marks that turn the direction of all that follows them.
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\u{9f}\u{200b}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{feff}"
# White space other than the plain one, what no text needs, and the sign of lost bytes.
_SPECIAL = rf"[\t\u{{a0}}\u{{2000}}-\u{{200a}}\u{{202f}}\u{{3000}}\u{{fffd}}{_CONTROLS}]"
# UTF-8 read as Latin-1 or Windows-1252: a lead byte's letter, then a continuation byte's character.
_MOJIBAKE = r"[ÂÃâÅÄðÎÏÐÑ][\u{80}-\u{bf}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"


# The cell that `evaluated` puts into an expression.
_CELL = pl.first()


_FOREIGN = _CELL.str.contains(r"[\x00-\x09\x0b-\x1f\x7f]") | (_CELL.str.len_bytes() != _CELL.str.len_chars())
_PLAIN_SPACES = _CELL.str.replace_all(
    r" *[\t\u{a0}\u{2000}-\u{200a}\u{202f}\u{3000}][ \t\u{a0}\u{2000}-\u{200a}\u{202f}\u{3000}]*", " "
).str.replace_all(rf"[{_CONTROLS}]", "")


def evaluated(text: pl.Series, what: pl.Expr) -> pl.Series:
    """Evaluate an expression of one column in one call of polars.

    A call costs 0.06 ms, as much as to search a thousand cells, and a chunk has few odd ones: chains of calls on these
    would take longer than all else. That is why expressions are made once, not for each chunk.
    """
    return text.to_frame().select_seq(what).to_series()


def _on(text: pl.Series, where: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply `change` to `text` only where the mask is true."""
    if not where.any():
        return text
    if not where.null_count() and where.all():
        return change(text)
    return text.clone().scatter(where.arg_true(), change(text.filter(where)))


def _each(change: Callable[[str], str]) -> Callable[[pl.Series], pl.Series]:
    """Change each value once: variants of one product have the same texts."""

    def changed(text: pl.Series) -> pl.Series:
        made = {value: change(value) for value in text.unique().to_list()}
        return pl.Series(text.name, [made[value] for value in text.to_list()], dtype=pl.String)

    return changed


def blank_to_null(text: pl.Series) -> pl.Series:
    """Strip white space; null where nothing is left."""
    return text if text.null_count() == len(text) else _blank_to_null(text, _CELL)


def _blank_to_null(text: pl.Series, what: pl.Expr) -> pl.Series:
    text = evaluated(text, what.str.strip_chars())
    blank = text == ""
    return text.set(blank, None) if blank.any() else text


def one_line(text: pl.Series) -> pl.Series:
    """Clean names: entities decoded, encoding repaired, no tags, single spaces; null where nothing is left."""

    def change(odd: pl.Series) -> pl.Series:
        odd = _decoded(odd)
        odd = _on(odd, odd.str.contains("<", literal=True), _each(words_of))
        return _blank_to_null(odd, _CELL.str.replace_all(rf"[\s{_CONTROLS}]+", " "))

    return _on(text, text.str.contains(_ODD), change)


def many_lines(text: pl.Series) -> pl.Series:
    """Clean descriptions to plain text; null where bytes were lost.

    Measured: a run of spaces stands for the advertiser's line break.
    """

    def change(odd: pl.Series) -> pl.Series:
        odd = _decoded(odd)
        odd = _on(odd, odd.str.contains("<", literal=True), _each(lines_of))
        odd = _on(odd, evaluated(odd, _FOREIGN), lambda t: _on(t, t.str.contains(_SPECIAL), _plain_spaces))
        broken = odd.str.contains("\n", literal=True)
        odd = odd.str.replace_all(r"  +", "\n")
        return blank_to_null(_on(odd, broken, lambda t: t.str.replace_all(r" *\n[ \n]*", "\n")))

    # Most texts have nothing but runs of spaces, and need none of the five searches.
    rich = text.str.contains(_RICH)
    text = _on(text, text.str.contains("  ", literal=True) & ~rich, lambda t: t.str.replace_all(r"  +", "\n"))
    return _on(text, rich, change)


def _plain_spaces(text: pl.Series) -> pl.Series:
    """Replace a run of spaces that contains a special one by one space: it is not a line break."""
    return evaluated(undamaged(text), _PLAIN_SPACES)


def _decoded(text: pl.Series) -> pl.Series:
    def change(odd: pl.Series) -> pl.Series:
        odd = _each(html.unescape)(odd)
        return _on(odd, odd.str.contains(_ENTITY), _each(html.unescape))  # "&amp;#174;" occurs too

    text = _on(text, text.str.contains(_ENTITY), change)
    # ftfy does not repair this one, the most frequent Windows-1252 case in feeds.
    return _on(text, text.str.contains(_MOJIBAKE), _each(lambda t: ftfy.fix_encoding(t.replace("â„¢", "™"))))


def value_or_null(text: pl.Series) -> pl.Series:
    """Set the words for "nothing" (N/A, none, a dash) to null."""
    nothing = text.str.contains(_NO_VALUE)
    return text.set(nothing, None) if nothing.any() else text


def parents(text: pl.Series, own: pl.Series) -> pl.Series:
    """Keep ids of the group of variants; null for the ways to say that there is none, and for the row's own id."""
    if text.null_count() == len(text):
        return text
    return text.set(text.str.contains(_NO_PARENT) | (text == own), None)


def undamaged(text: pl.Series) -> pl.Series:
    """Set to null where bytes were lost: such a text would stay in the shop."""
    return text.set(text.str.contains("\ufffd", literal=True), None)


_PATH_BEGUN = (
    _CELL.str.replace_all(r"\s*(?:[-=–]*>+|[»›→])\s*", " > ").str.replace(r";;.*$", "").str.strip_chars(" >|;,")
)
_FIRST_PATH = _CELL.str.replace(r"\s*[|;\n].*$", "").str.replace(r"^([^,]*>[^,]*),[^,>&]+>.*$", "$1")
_PATH = (
    pl.when(_CELL.str.contains(">", literal=True))
    .then(_FIRST_PATH)
    .otherwise(_CELL)
    .str.replace_all(r"[\s>|]*[>|][\s>|]*", " > ")
    .str.strip_chars(" >")
    .str.replace(r"^[0-9]+ +[-–:] +", "")
)


def category_path(text: pl.Series) -> pl.Series:
    """Join category parts by ' > ', of several paths the first; null for a number, which is no name.

    Measured separators: ' > ', '|', '>'. Where '>' makes the paths, '|', ';' and a comma before another path separate
    them; "Handbags, Wallets & Cases > Bags" is no second path but an enumeration.
    """
    odd = text.str.contains(r"[|>»›→]|;;|^[0-9]")
    text = blank_to_null(_on(text, odd, lambda t: evaluated(evaluated(t, _PATH_BEGUN), _PATH)))
    return text.set(text.str.contains(r"^[0-9][0-9.,;\s>-]*$"), None)


_DISTINCT = _CELL.unique().drop_nulls()


def by_value(text: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply `change` once per distinct value: for brands, categories and the like."""
    values = evaluated(text, _DISTINCT)
    if len(values) * 4 > len(text):
        return change(text)
    changed = change(values)
    if values.is_empty():
        return pl.Series(text.name, [None], dtype=changed.dtype).new_from_index(0, len(text))
    if changed.equals(values):
        return text
    # By number, which takes two thirds of the time of replace_strict.
    return changed.gather(text.cast(pl.Enum(values)).to_physical()).alias(text.name)


_PRICE_PARTS = _CELL.str.extract_groups(
    r"^(?P<before>[A-Za-z]{3}|(?i:us|r|a|c)?\$|[€£₺₹])?\s*(?P<number>-?[0-9][0-9.,'\s]*?)\s*(?P<after>[A-Za-z]{3}|[€£$₺₹]|zł)?$"
)
_PRICE_DIGITS = _CELL.struct.field("number").str.replace_all(r"[\s']", "")
_PRICE_CODE = (
    pl.coalesce(_CELL.struct.field("before"), _CELL.struct.field("after"))
    .str.to_lowercase()
    .replace(SYMBOLS | {"$": None})
    .str.to_lowercase()
)
_PRICE_NUMBER = (
    pl.when(_CELL.str.contains(r"^-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)\.[0-9]+$|^-?[0-9]{1,3}(,[0-9]{3}){2,}$|^-?[0-9]+$"))
    .then(_CELL.str.replace_all(",", "", literal=True))
    .when(_CELL.str.contains(r"^-?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+),[0-9]+$|^-?[0-9]{1,3}(\.[0-9]{3}){2,}$"))
    .then(_CELL.str.replace_all(".", "", literal=True).str.replace_all(",", ".", literal=True))
    .cast(MONEY, strict=False)
)


def prices(text: pl.Series) -> pl.DataFrame:
    """Parse prices into columns amount (Decimal, null: no price), code (ISO currency in the cell, lower case), unclear.

    AWIN writes a decimal point; real feeds also hold "1.299,99", "8.49 €", "49.0 USD", "GBP13.5". A lone separator
    before three digits ("1.299") is unclear: thousands or three decimals, a factor of 1,000.
    """
    amount = text.cast(MONEY, strict=False)
    code = pl.Series([None], dtype=pl.String).new_from_index(0, len(text))
    number = text
    if amount.null_count() > text.null_count():
        at = (amount.is_null() & text.is_not_null()).arg_true()
        parts = evaluated(text.gather(at), _PRICE_PARTS)
        digits = evaluated(parts, _PRICE_DIGITS)
        amount = amount.scatter(at, evaluated(digits, _PRICE_NUMBER))
        code = code.scatter(at, evaluated(parts, _PRICE_CODE))
        number = text.clone().scatter(at, digits)
    unclear = number.str.contains(r"^[1-9][0-9]{0,2}[.,][0-9]{3}$").fill_null(False)
    return pl.DataFrame({"amount": amount, "code": code, "unclear": unclear})


_NOT_TWO_DECIMALS = _CELL.is_in([*THREE_DECIMALS, *NO_DECIMALS])


def cleared(found: pl.DataFrame, currency: pl.Series, text: pl.Series) -> pl.DataFrame:
    """The prices with what the number of decimals of their currency tells: 1.299 KWD, 1,299 JPY are clear."""
    if not found["unclear"].any():
        return found
    told = currency.set(~found["unclear"], None)
    if not evaluated(told, _NOT_TWO_DECIMALS).any():
        return found
    point = text.str.contains(".", literal=True).fill_null(False)
    fine = point & told.is_in(THREE_DECIMALS).fill_null(False)
    thousands = told.is_in(NO_DECIMALS).fill_null(False)
    amount = (found["amount"] * 1000).cast(MONEY).zip_with(thousands, found["amount"])
    return found.with_columns(amount=amount, unclear=found["unclear"] & ~fine & ~thousands)


def rounded(amount: pl.Series, currency: pl.Series) -> pl.Series:
    """Round amounts to the decimals of their currency, halves away from zero: what a storefront would show."""
    return pl.DataFrame({"amount": amount, "currency": currency}).select(_ROUNDED).to_series()


_ROUNDED = (
    pl.when(pl.col("currency").is_in(NO_DECIMALS))
    .then(pl.col("amount").round(0, "half_away_from_zero"))
    .when(pl.col("currency").is_in(THREE_DECIMALS))
    .then(pl.col("amount").round(3, "half_away_from_zero"))
    .otherwise(pl.col("amount").round(2, "half_away_from_zero"))
    .cast(MONEY)
)


def beyond(amount: pl.Series, currency: pl.Series) -> pl.Series:
    """Which amounts are higher than the price of anything that is sold by a click."""
    return (amount > evaluated(currency, _HIGHEST)).fill_null(False)


_HIGHEST = pl.when(_CELL.is_in(SMALL_UNITS)).then(1_000 * HIGHEST_PRICE).otherwise(HIGHEST_PRICE)


_LOWER_CODE = _CELL.str.to_lowercase().replace({symbol: code.lower() for symbol, code in SYMBOLS.items()})
_KNOWN_CODE = pl.when(_CELL.is_in(CURRENCIES)).then(_CELL)


def currencies(text: pl.Series) -> pl.Series:
    """Parse currency codes and symbols into ISO 4217 codes in lower case; null for anything else."""
    return evaluated(evaluated(text, _LOWER_CODE), _KNOWN_CODE)


def moments(text: pl.Series, *, end: bool = False) -> pl.Series:
    """Parse moments in UTC, from ISO 8601 in every form that names a day; null where it names none.

    A zone that is not told is UTC. A day alone is its first moment, or with `end` its last.
    """
    if text.null_count() == len(text):
        return pl.Series(text.name, [None], MOMENT).new_from_index(0, len(text))
    values = evaluated(text, _DISTINCT.sort())
    if len(values) > _FEW:
        return by_value(text, lambda cells: _moments(cells, end))
    # Measured: to read one cell takes 2 ms, as long as 2,700 more; most feeds have a few days, in every chunk.
    return _few_moments(tuple(values), end).gather(text.cast(pl.Enum(values)).to_physical()).alias(text.name)


@lru_cache(256)
def _few_moments(values: tuple[str, ...], end: bool) -> pl.Series:
    return _moments(pl.Series(values, dtype=pl.String), end)


def _moments(text: pl.Series, end: bool) -> pl.Series:
    parts = text.str.extract_groups(
        r"^\s*(?P<y>[0-9]{4})(?:-?|/|\.)(?P<m>[0-9]{1,2})(?:-?|/|\.)(?P<d>[0-9]{1,2})"
        r"(?P<time>(?:\s*[Tt]\s*|\s+)(?P<h>[0-9]{2})(?::?(?P<min>[0-9]{2})(?::?(?P<s>[0-9]{2})(?:[.,][0-9]+)?)?)?"
        r"\s*(?:[Zz]|(?i:utc|gmt)|(?P<zone>[+-][0-9]{2}):?(?P<off>[0-9]{2})?)?)?\s*$"
    ).struct
    number = {name: parts.field(name).cast(pl.Int32, strict=False) for name in ("y", "m", "d", "h", "min", "s")}
    frame = pl.DataFrame(number | {"zone": parts.field("zone"), "off": parts.field("off"), "time": parts.field("time")})
    month, day_of = (pl.col(name).cast(pl.String).str.zfill(2) for name in ("m", "d"))
    day = pl.format("{}-{}-{}", "y", month, day_of).str.to_date("%Y-%m-%d", strict=False)
    valid = (pl.col("h").fill_null(0) < 24) & (pl.col("min").fill_null(0) < 60) & (pl.col("s").fill_null(0) < 61)
    hours, minutes = pl.col("zone").cast(pl.Int64).fill_null(0), pl.col("off").cast(pl.Int64).fill_null(0)
    sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
    moment = day.cast(pl.Datetime("us")) + pl.duration(
        hours=pl.col("h").fill_null(0) - hours,
        minutes=pl.col("min").fill_null(0) - sign * minutes,
        seconds=pl.col("s").fill_null(0),
    )
    if end:
        moment = pl.when(pl.col("time").is_null()).then(moment + pl.duration(days=1, microseconds=-1)).otherwise(moment)
    return frame.select(pl.when(valid).then(moment).dt.replace_time_zone("UTC").alias(text.name)).to_series()


def no_date(text: pl.Series) -> pl.Series:
    """Which cells say that there is no date: databases write zeros."""
    return text.str.contains(r"^0000-00-00(?:[T ][0:.Z]*)?$").fill_null(False)


def _total() -> pl.Expr:
    """The sum of digits, each third-weighted as GS1 has it, from right to left.

    A digit is q - 10 * (q // 10) of q = number // 10**place, so that its rest by 10 is that of q: half the divisions.
    """
    total = _CELL
    for place in range(1, 14):
        quotient = _CELL // 10**place
        total += quotient * 3 if place % 2 else quotient
    return total


_CODE = pl.when(_CELL.str.len_bytes().is_in([8, 12, 13, 14]) & ~_CELL.str.contains("+", literal=True)).then(
    _CELL.cast(pl.UInt64, strict=False)
)
_CHECKED = ((_CELL > 0) & (_total() % 10 == 0)).fill_null(False)


def gtins(text: pl.Series) -> pl.Series:
    """Keep codes of 8, 12, 13 or 14 digits with a valid check digit (GS1); null for others and for lists of codes."""
    number = text.cast(pl.UInt64, strict=False)
    if number.null_count() > text.null_count():
        text = _on(text, number.is_null() & text.is_not_null(), lambda t: t.str.replace_all(r"[ '-]", ""))
    return text.set(~evaluated(evaluated(text, _CODE), _CHECKED), None)


def ampersands(text: pl.Series) -> pl.Series:
    """Addresses with & where the advertiser wrote its entity."""
    return _on(text, text.str.contains("&amp;", literal=True), lambda t: t.str.replace_all(r"&(?:amp;)+", "&"))


def sound_addresses(text: pl.Series) -> pl.Series:
    """Keep http(s) addresses as they are, and mend others where that is possible; null where it is not.

    For links, most of which are no plain addresses, since others stand in them.
    """
    return odd_addresses(text, ~evaluated(text, _IS_ADDRESS).fill_null(True))


def web_addresses(text: pl.Series) -> pl.Series:
    """Keep http(s) addresses, with spaces encoded; null for anything else."""
    return odd_addresses(text, ~plain_addresses(text))


_IS_SHORT = _CELL.str.len_bytes() <= LONGEST_ADDRESS
_IS_ADDRESS = _CELL.str.contains(_ADDRESS) & _IS_SHORT
_IS_PLAIN = _CELL.str.contains(_PLAIN_ADDRESS) & _IS_SHORT


def plain_addresses(text: pl.Series) -> pl.Series:
    """Which cells are one address with nothing to mend: one search instead of five for nearly all of them."""
    plain = evaluated(text, _IS_PLAIN)
    return plain.fill_null(True) if plain.null_count() else plain


def odd_addresses(text: pl.Series, odd: pl.Series) -> pl.Series:
    """Mend the cells that are not plain; null where that is not possible."""

    def change(text: pl.Series) -> pl.Series:
        text = _on(text, evaluated(text, _AMISS), lambda t: evaluated(t, _MENDED))
        return text.set(~evaluated(text, _IS_ADDRESS), None)

    return _on(text, odd, change)


_AMISS = ~_CELL.str.contains(_ADDRESS) | _CELL.str.contains(r"&(?:amp;|#(?:0*38|x26);)")
_MENDED = (
    _CELL.str.replace_all(r"&(?:amp;|#0*38;|#x26;)(?:amp;|#0*38;)*", "&")
    .str.replace_all(r"\/", "/", literal=True)
    .str.strip_chars(" \"'[]")
    .str.replace(r"^//", "https://")
    .str.replace(r"^www\.", "https://www.")
    .str.replace_all(" ", "%20", literal=True)
)


def holds_several(text: pl.Series) -> pl.Series:
    """Which cells hold more than one address, or one in brackets."""
    some = text.str.contains(r"//.*//|\\/")
    some = some.fill_null(False) if some.null_count() else some
    return some.scatter(some.arg_true(), text.filter(some).str.contains(_BETWEEN)) if some.any() else some


def one_a_line(text: pl.Series) -> pl.Series:
    """Put each address of a cell on a line. Addresses may contain commas, so it is cut only before //."""
    return text.str.replace_all(_BETWEEN, "\n$1")
