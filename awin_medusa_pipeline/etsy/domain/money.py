"""Writes the currency signs of a text out ("5€" -> "5 EUR"), since Etsy refuses the signs in a title."""

import re

_SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₩": "KRW",
    "₫": "VND",
    "₺": "TRY",
    "₴": "UAH",
    "₪": "ILS",
    "₱": "PHP",
    "₽": "RUB",
    "฿": "THB",
}
_DOLLARS = {
    **{"US": "USD", "CA": "CAD", "C": "CAD", "AU": "AUD", "A": "AUD", "NZ": "NZD", "HK": "HKD"},
    **{"SG": "SGD", "S": "SGD", "MX": "MXN", "R": "BRL"},
}
_SIGN = rf"(?:(?<![^\W\d_])(?P<country>{'|'.join(_DOLLARS)})?(?P<dollar>\$)|(?P<sign>[{''.join(_SIGNS)}]))"
_NUMBER = r"(?P<number>\d+(?:[.,’']\d+)*(?:\s?[-–]\s?\d+(?:[.,’']\d+)*)?)"
# The sign belongs to the number that touches it, else to the one before it.
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?<!\d){_SIGN}{_NUMBER}",
        rf"{_NUMBER}{_SIGN}",
        rf"{_NUMBER}\s{_SIGN}",
        rf"{_SIGN}\s{_NUMBER}",
        rf"(?<!\S){_SIGN}(?!\S)",
    )
)


def write_out_signs(text: str, currency: str = "") -> str:
    """Write out each sign that stands at a number or alone; others are left, since they stand for a letter.

    `currency`: of the shop, whose dollar a $ without a country means where it is one; else a $ is the US dollar.
    """
    own_dollar = currency.upper() if currency.upper() in _DOLLARS.values() else "USD"

    def written(found: re.Match[str]) -> str:
        named = found.groupdict()
        code = _SIGNS.get(named["sign"] or "") or _DOLLARS.get(named["country"] or "", own_dollar)
        words = f"{named['number']} {code}" if named.get("number") else code
        return _apart(found.string[: found.start()], words, found.string[found.end() :])

    for form in _FORMS:
        text = form.sub(written, text)
    return text


def _apart(before: str, words: str, after: str) -> str:
    """Keep words that touched a sign apart from what takes its place."""
    return f"{' ' if before[-1:].isalnum() else ''}{words}{' ' if after[:1].isalnum() else ''}"
