"""Currency signs of a text written out: at a number, alone, or left where they stand for a letter."""

import pytest

from awin_medusa_pipeline.etsy.domain.money import write_out_signs


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("5€ off $10", "5 EUR off 10 USD"),
        ("£1,299.50 desk", "1,299.50 GBP desk"),
        ("1’000 € desk", "1’000 EUR desk"),
        ("¥500", "500 JPY"),
        ("€5-10", "5-10 EUR"),
        ("20€–30€", "20 EUR–30 EUR"),
        ("from $ 5", "from 5 USD"),
        ("10€ 5 pieces", "10 EUR 5 pieces"),
        ("10 € 5 pieces", "10 EUR 5 pieces"),
        ("2 $5 lamps", "2 5 USD lamps"),
        ("(only $5!)", "(only 5 USD!)"),
        ("5€pack", "5 EUR pack"),
        ("pay in €", "pay in EUR"),
        ("US$10, C$20", "10 USD, 20 CAD"),
        ("A$AP, Ke$ha, $$$", "A$AP, Ke$ha, $$$"),
        ("nothing", "nothing"),
    ],
)
def test_signs(text: str, written: str) -> None:
    assert write_out_signs(text) == written


@pytest.mark.parametrize(("currency", "written"), [("cad", "5 CAD"), ("EUR", "5 USD"), ("", "5 USD")])
def test_a_dollar_without_a_country_is_that_of_the_shop(currency: str, written: str) -> None:
    assert write_out_signs("$5", currency) == written
