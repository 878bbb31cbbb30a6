"""How much is too much, by tables of cases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from awin_medusa_pipeline.sync.domain import feed_guards, guards
from awin_medusa_pipeline.sync.domain.feed.facts import FeedFacts
from awin_medusa_pipeline.sync.domain.guards import TrippedGuard
from awin_medusa_pipeline.sync.domain.rules import Limits, Scope

LIMITS = Limits()


def things(**merchants: int) -> pl.DataFrame:
    names = [name.removeprefix("m") or None for name, number in merchants.items() for _ in range(number)]
    return pl.DataFrame({"merchant_id": names}, schema={"merchant_id": pl.String})


@pytest.mark.parametrize(
    ("changing", "base", "tripped"),
    [
        pytest.param(things(), things(m1=1000), [], id="nothing to do"),
        pytest.param(things(m1=100), things(m1=1000), [], id="just the share"),
        pytest.param(things(m1=101), things(m1=1000), [None], id="more than the share"),
        pytest.param(things(m1=20), things(m1=30), [], id="the floor lets a small shop work"),
        pytest.param(things(m1=21), things(m1=30), [None], id="more than the floor"),
        pytest.param(things(m1=60), things(m1=100, m2=900), ["1"], id="one merchant hides behind another"),
        pytest.param(things(m=30), things(m=50, m2=900), [""], id="products that are not from AWIN"),
        pytest.param(things(m1=4), things(m1=4), [], id="all of a few"),
        pytest.param(things(m1=5), things(m1=5), [None], id="all that there is"),
        pytest.param(things(m1=15, m2=3), things(m1=15, m2=4), [], id="all but one, below the floor"),
    ],
)
def test_too_many(changing: pl.DataFrame, base: pl.DataFrame, tripped: list[str | None]) -> None:
    trips = guards.check_share(changing, base, Scope.HIDE, LIMITS.hide_share, LIMITS.hide_floor)
    assert [trip.merchant_id for trip in trips] == tripped


def feed(accepted: int, rejected: int = 0, header: str | None = "h", **merchants: int) -> FeedFacts:
    accepted_of = {name.removeprefix("m"): number for name, number in merchants.items()}
    return FeedFacts("feed", accepted, header, accepted_of, rejected_by={"no_id": rejected} if rejected else {})


@pytest.mark.parametrize(
    ("now", "before", "tripped"),
    [
        pytest.param(feed(1), [], [], id="the first feed"),
        pytest.param(feed(1), [feed(100)] * 2, [], id="two are no measure yet"),
        pytest.param(feed(80), [feed(100)] * 3, [], id="just enough"),
        pytest.param(feed(79), [feed(100)] * 3, [("short_feed", None)], id="too short"),
        pytest.param(
            feed(79), [feed(1), feed(100), feed(100), feed(1), feed(100)], [("short_feed", None)], id="median"
        ),
        pytest.param(
            feed(90, m1=0, m2=90), [feed(100, m1=10, m2=90)] * 3, [("short_feed", "1")], id="a merchant is gone"
        ),
        pytest.param(feed(90, 10), [], [], id="a tenth rejected"),
        pytest.param(feed(89, 11), [], [("many_no_id", None)], id="more rejected"),
        pytest.param(
            replace(feed(89), rejected_by={"no_id": 5, "no_price": 6}),
            [],
            [("many_no_price", None)],
            id="more rejected, the commonest reason names it",
        ),
        pytest.param(feed(9, m2=9), [feed(9, m1=9)], [("other_merchants", None)], id="another merchant"),
        pytest.param(feed(9, m1=4, m2=5), [feed(9, m1=9)], [("new_merchant", "2")], id="a merchant has joined"),
        pytest.param(
            replace(feed(9, m1=4, m2=5), with_stock={"2": 5}),
            [replace(feed(9, m1=4, m2=5), with_stock={"1": 3, "2": 5})],
            [("no_stock", "1")],
            id="a stock column gone blank",
        ),
        pytest.param(
            replace(feed(9, m1=9), with_stock={}), [feed(9, m1=9)], [], id="stock that an older release did not count"
        ),
        pytest.param(replace(feed(100), damaged=5), [], [], id="a few damaged characters"),
        pytest.param(replace(feed(100), damaged=6), [], [("wrong_encoding", None)], id="not in UTF-8"),
        pytest.param(feed(9, header="other"), [feed(9)], [("changed_header", None)], id="other columns"),
        pytest.param(feed(9, header=None), [feed(9, header=None)], [], id="JSON has no header"),
    ],
)
def test_feeds_unlike_before(now: FeedFacts, before: list[FeedFacts], tripped: list[tuple[str, str | None]]) -> None:
    assert [(trip.guard, trip.merchant_id) for trip in feed_guards.check_facts(now, before, LIMITS)] == tripped


def test_a_trip_holds_its_kind_and_its_merchant_alone() -> None:
    rows = pl.DataFrame({"merchant_id": ["1", "2", None]})

    def held(guarded: Scope, *trips: TrippedGuard) -> list[bool]:
        return rows.with_columns(held=guards.held(trips, guarded))["held"].to_list()

    hide = TrippedGuard("short_feed", Scope.HIDE, "", "1")
    assert held(Scope.HIDE, hide) == [True, False, False]
    assert not any(held(Scope.SET_TO_ZERO, hide))
    assert held(Scope.HIDE, TrippedGuard("short_feed", Scope.HIDE, "")) == [True, True, True]
    assert held(Scope.SET_TO_ZERO, TrippedGuard("changed_header", Scope.EVERYTHING, "")) == [True, True, True]
    stock = TrippedGuard("no_stock", Scope.STOCK, "", "2")
    assert held(Scope.STOCK, stock) == held(Scope.SET_TO_ZERO, stock) == [False, True, False]
    assert not any(held(Scope.IMPORT, stock))


@pytest.mark.parametrize(("days", "warned"), [(14, False), (15, True)])
def test_a_frozen_feed_is_a_warning(days: int, warned: bool) -> None:
    since = datetime(2026, 11, 1, tzinfo=UTC)
    warning = feed_guards.frozen_feed("feed", since, since + timedelta(days=days), LIMITS)
    assert (warning is not None) is warned


def test_setting_to_zero_counts_only_what_takes_stock_away() -> None:
    catalog = pl.LazyFrame({"level": [10] * 100 + [0] * 900, "offer_key": "awin:1:x", "external_id": "awin:1:x"})
    mismatches = pl.DataFrame(
        {"level": [10] * 51 + [None], "wanted_level": [0] * 52, "offer_key": "awin:1:x", "reason": "differs"}
    )
    assert [trip.guard for trip in guards.check_zero_levels(mismatches, catalog, LIMITS)] == ["too_many_to_set_to_zero"]
    assert not guards.check_zero_levels(mismatches.tail(51), catalog, LIMITS)


def price_rows(*changes: float | None, merchant: str = "1", decision: str = "update") -> list[dict[str, object]]:
    return [
        {
            "merchant_id": merchant,
            "change_percent": c,
            "moved_percent": None,
            "shop_price": c is not None,
            "decision": decision,
        }
        for c in changes
    ]


@pytest.mark.parametrize(
    ("rows", "matched", "tripped"),
    [
        pytest.param(price_rows(*[60.0] * 5), things(m1=100), [], id="just the share"),
        pytest.param(price_rows(*[60.0] * 6), things(m1=100), [None], id="more than the share"),
        pytest.param(price_rows(*[-60.0] * 6), things(m1=100), [None], id="downwards"),
        pytest.param(price_rows(*[50.0] * 100), things(m1=100), [None], id="all by a half"),
        pytest.param(price_rows(*[None] * 6), things(m1=100), [None], id="from nothing"),
        pytest.param(price_rows(*[60.0] * 6, decision="keep"), things(m1=100), [], id="kept by the shop"),
        pytest.param(price_rows(*[60.0] * 6, merchant="2"), things(m1=900, m2=100), ["2"], id="one merchant alone"),
    ],
)
def test_prices_that_jump(rows: list[dict[str, object]], matched: pl.DataFrame, tripped: list[str | None]) -> None:
    schema = {
        "merchant_id": pl.String,
        "change_percent": pl.Float64,
        "moved_percent": pl.Float64,
        "shop_price": pl.Float64,
        "decision": pl.String,
        "question": pl.String,
    }
    trips = guards.check_prices(pl.DataFrame(rows, schema=schema), matched.lazy(), LIMITS)
    assert [trip.merchant_id for trip in trips] == tripped
    assert all("by 50% or more" in trip.sentence and "more than 5%" in trip.sentence for trip in trips)
    assert all(guards.holds(trip, Scope.PRICE) and not guards.holds(trip, Scope.CONTENT) for trip in trips)


def test_damaged_text_holds_content_too() -> None:
    (trip,) = feed_guards.wrong_encoding(FeedFacts("feed", 10, damaged=9))
    assert [g for g in Scope if guards.holds(trip, g)] == [Scope.IMPORT, Scope.CONTENT]


def test_limits_until_settings_say_otherwise() -> None:
    assert Limits() == Limits(
        hide_share=0.1,
        hide_floor=20,
        zero_share=0.25,
        zero_floor=50,
        accepted_share=0.8,
        rejected_share=0.1,
        price_change=0.5,
        price_share=0.05,
        frozen_for=timedelta(days=14),
    )


def only_in_shop(number: int) -> pl.DataFrame:
    return pl.DataFrame({"external_id": [None] * number}, schema={"external_id": pl.String})


@pytest.mark.parametrize(
    ("number", "tripped"), [pytest.param(21, True, id="one above the floor"), pytest.param(20, False, id="the floor")]
)
def test_hiding_is_measured_by_the_published_products(number: int, tripped: bool) -> None:
    # Two variants each: a product counts once.
    shop = {"product_id": [f"p{n // 2}" for n in range(400)], "external_id": None, "status": "published"}
    schema = {"product_id": pl.String, "external_id": pl.String, "status": pl.String}
    catalog = pl.DataFrame(shop, schema=schema).lazy()
    trips = guards.check_hides(only_in_shop(number), catalog, LIMITS)
    assert [trip.sentence for trip in trips] == tripped * [
        "hiding 21 of 200 is more than 10%: check whether the feed is whole"
    ]


def test_drafts_are_not_among_what_could_be_hidden() -> None:
    shop = {"product_id": [f"p{n}" for n in range(12)], "external_id": "awin:1:a", "status": ["published", "draft"] * 6}
    (trip,) = guards.check_hides(only_in_shop(6), pl.LazyFrame(shop), LIMITS)
    assert trip.reason == "hiding all 6 would leave nothing: check whether the feed is whole [all_to_hide]"


@pytest.mark.parametrize(
    ("changing", "base", "sentence"),
    [
        (
            things(m7=30),
            things(m7=40, m8=900),
            "setting to zero 30 of 40 of merchant 7 is more than 10%: check whether its stock column is right",
        ),
        (
            things(m=30),
            things(m=40, m8=900),
            "setting to zero 30 of 40 that are not from AWIN is more than 10%: check whether its stock column is right",
        ),
        (
            things(m7=1030),
            things(m8=1000, m7=2000),
            "setting to zero 1,030 of 3,000 is more than 10%: check whether its stock column is right",
        ),
        (
            things(m7=25),
            things(m8=900),
            "setting to zero 25 of 0 of merchant 7 is more than 10%: check whether its stock column is right",
        ),
    ],
)
def test_a_sentence_says_what_and_whose(changing: pl.DataFrame, base: pl.DataFrame, sentence: str) -> None:
    (trip,) = guards.check_share(changing, base, Scope.SET_TO_ZERO, 0.1, 20)
    assert (trip.sentence, trip.guard) == (sentence, "too_many_to_set_to_zero")


def test_all_of_five_is_too_many_and_all_of_four_is_not() -> None:
    assert [trip.guard for trip in guards.check_share(things(m1=5), things(m1=5), Scope.HIDE, 0.1, 20)] == [
        "all_to_hide"
    ]
    assert guards.check_share(things(m1=4), things(m1=4), Scope.HIDE, 0.1, 20) == []


@pytest.mark.parametrize(
    ("level", "wanted", "reason", "taken"),
    [
        (1, 0, "differs", True),
        (1, 0, "left_feed", True),
        (1, 0, "shared_item", False),
        (0, 0, "differs", False),
        (-1, 0, "differs", False),
        (2, 1, "differs", False),
        (None, 0, "no_level", None),
    ],
)
def test_what_takes_stock_away(level: int | None, wanted: int, reason: str, taken: bool | None) -> None:
    rows = pl.DataFrame(
        {"level": [level], "wanted_level": [wanted], "reason": [reason]},
        schema={"level": pl.Int64, "wanted_level": pl.Int64, "reason": pl.String},
    )
    assert rows.select(taken=guards.set_to_zero())["taken"].to_list() == [taken]


def test_a_price_that_was_nothing_jumps_and_an_unknown_change_does_not() -> None:
    schema = {
        "merchant_id": pl.String,
        "change_percent": pl.Float64,
        "moved_percent": pl.Float64,
        "shop_price": pl.Float64,
        "decision": pl.String,
        "question": pl.String,
    }

    def trips(change: float | None, price: float | None) -> list[str]:
        rows = pl.DataFrame([("1", change, None, price, "update", None)] * 6, schema=schema, orient="row")
        return [trip.sentence for trip in guards.check_prices(rows, things(m1=100).lazy(), LIMITS)]

    assert trips(None, 0.0) == [
        "6 of 100 prices would change by 50% or more, and that is more than 5% of them: "
        "check whether SYNC_PRICE_COLUMN names the right column"
    ]
    assert trips(None, 1.0) == trips(None, None) == []


@pytest.mark.parametrize(
    ("now", "before", "tripped"),
    [
        pytest.param(feed(1_000_000), [], [], id="the first feed"),
        pytest.param(feed(160), [feed(60)], [], id="the floor lets a small feed grow"),
        pytest.param(feed(161), [feed(60)], [None], id="more than the floor"),
        pytest.param(feed(1_000_000), [feed(60)], [None], id="60 offers, then a million"),
        pytest.param(feed(410), [feed(110)], [None], id="300 new ones on 110"),
        pytest.param(feed(1_500), [feed(1_000)], [], id="just the share"),
        pytest.param(feed(1_501), [feed(1_000)], [None], id="more than the share"),
        pytest.param(feed(410), [feed(110), feed(410), feed(110)], [None], id="one bloated feed is no measure"),
        pytest.param(feed(2_000, m1=1_700, m2=300), [feed(1_900, m1=1_800, m2=100)], ["2"], id="one merchant alone"),
        pytest.param(
            feed(1_400, m1=1_000, m2=400), [feed(1_000, m1=1_000)], [], id="a new merchant is asked for apart"
        ),
    ],
)
def test_a_feed_that_grows(now: FeedFacts, before: list[FeedFacts], tripped: list[str | None]) -> None:
    trips = feed_guards.grown_feed(now, before, LIMITS)
    assert [trip.merchant_id for trip in trips] == tripped
    assert all(guards.holds(trip, Scope.IMPORT) and not guards.holds(trip, Scope.PRICE) for trip in trips)


@pytest.mark.parametrize(
    ("changes", "matched", "tripped"),
    [
        pytest.param([-50.0] * 100, things(m1=100), ["prices_jump"], id="all halve"),
        pytest.param([-49.0] * 100, things(m1=100), ["prices_move"], id="all nearly halve"),
        pytest.param([10.0] * 100, things(m1=100), [], id="just the limit"),
        pytest.param([10.1] * 100, things(m1=100), ["prices_move"], id="all rise a little"),
        pytest.param([19.0] * 100, things(m1=100), ["prices_move"], id="all rise by the tax"),
        pytest.param([-40.0] * 25, things(m1=100), [], id="a sale of a quarter"),
        pytest.param([-40.0] * 26, things(m1=100), ["prices_move"], id="a sale of more, by its average"),
        pytest.param([-49.0] * 49, things(m1=100), ["prices_move"], id="nearly half of them nearly halve"),
        pytest.param([9_000.0], things(m1=100), [], id="one far off moves no average"),
        pytest.param([-40.0] * 51, things(m1=100), ["prices_move"], id="a sale of more than half"),
        pytest.param([-40.0] * 51 + [40.0] * 49, things(m1=100), ["prices_move"], id="not evened out by the others"),
        pytest.param([-40.0] * 4, things(m1=4), [], id="a few"),
        pytest.param([-99.9] * 6, things(m1=100), ["prices_jump"], id="6 % fall to 0.01"),
    ],
)
def test_prices_that_move_together(changes: list[float], matched: pl.DataFrame, tripped: list[str]) -> None:
    rows = pl.DataFrame(price_rows(*changes)).with_columns(
        question=pl.lit(None, pl.String), moved_percent=pl.lit(None, pl.Float64)
    )
    assert [trip.guard for trip in guards.check_prices(rows, matched.lazy(), LIMITS)] == tripped
    slowly = rows.with_columns(change_percent=pl.lit(-2.0), moved_percent="change_percent")
    trips = guards.check_prices(slowly, matched.lazy(), LIMITS)
    assert [trip.guard for trip in trips] == tripped
    assert all(" within 30 days, and that is more than" in trip.sentence for trip in trips)


def test_the_prices_of_one_merchant_move_behind_those_of_others() -> None:
    rows = pl.DataFrame(price_rows(*[-30.0] * 40, merchant="2")).with_columns(
        question=pl.lit(None, pl.String), moved_percent=pl.lit(None, pl.Float64)
    )
    (trip,) = guards.check_prices(rows, things(m1=900, m2=60).lazy(), LIMITS)
    assert (trip.guard, trip.merchant_id) == ("prices_move", "2")
    assert "of all 60 of merchant 2 would move by -30 %" in trip.sentence


CATALOG = pl.LazyFrame(
    {
        "product_id": [f"p{n}" for n in range(300)],
        "status": "published",
        "external_id": "awin:1:x",
        "offer_key": "awin:1:x",
        "level": [10] * 200 + [0] * 100,
    }
)


@pytest.mark.parametrize(("number", "tripped"), [(150, []), (151, ["too_many_to_restore"])])
def test_publishing_many_again(number: int, tripped: list[str]) -> None:
    trips = guards.check_restores(things(m1=number), CATALOG, LIMITS)
    assert [trip.guard for trip in trips] == tripped
    assert all(guards.holds(trip, Scope.RESTORE) and not guards.holds(trip, Scope.IMPORT) for trip in trips)


@pytest.mark.parametrize(("number", "tripped"), [(100, []), (101, ["too_many_to_sell_again"])])
def test_putting_many_on_sale_again(number: int, tripped: list[str]) -> None:
    rows = things(m1=number).with_columns(wanted_level=10, level=0, reason=pl.lit("differs"))
    more = things(m1=500).with_columns(wanted_level=10, level=9, reason=pl.lit("differs"))
    trips = guards.check_levels_from_zero(pl.concat([rows, more]), CATALOG, LIMITS)
    assert [trip.guard for trip in trips] == tripped


@pytest.mark.parametrize(("number", "tripped"), [(100, []), (101, ["too_many_to_rewrite"])])
def test_rewriting_many_products(number: int, tripped: list[str]) -> None:
    texts = {"decision": "update", "shop_value": "old", "product_id": [f"p{n}" for n in range(number)]}
    rows = things(m1=number).with_columns(
        **{k: pl.Series(v) if isinstance(v, list) else pl.lit(v) for k, v in texts.items()}
    )
    filled = rows.with_columns(shop_value=pl.lit(None, pl.String), product_id=pl.lit("q") + pl.col("product_id"))
    kept = rows.with_columns(decision=pl.lit("keep"), product_id=pl.lit("r") + pl.col("product_id"))
    matched = things(m1=200).with_columns(product_id=pl.int_range(pl.len()).cast(pl.String)).lazy()
    trips = guards.check_content(pl.concat([rows, rows, filled, kept]), matched, LIMITS)
    assert [trip.guard for trip in trips] == tripped


def test_only_the_last_five_feeds_are_a_measure() -> None:
    before = [feed(80), feed(80), feed(80), feed(100), feed(100), *[feed(1000)] * 5]
    assert feed_guards.short_feed(feed(64), before, LIMITS) == []
    (trip,) = feed_guards.short_feed(feed(63), before, LIMITS)
    assert trip.sentence == "the feed feed has 63 offers where the last ones had 80: check whether it came whole"


def test_a_merchant_of_one_feed_alone_is_not_missed() -> None:
    assert feed_guards.short_feed(feed(9, m1=9), [feed(9, m1=9, m2=3), feed(9, m1=9), feed(9, m1=9)], LIMITS) == []


@pytest.mark.parametrize(
    ("has", "words"),
    [("abc", "offers of merchant a, b, c where"), ("abcd", "offers of merchant a, b, c and others where")],
)
def test_other_merchants_are_named(has: str, words: str) -> None:
    (trip,) = feed_guards.other_merchants(
        FeedFacts("feed", 9, merchants=dict.fromkeys(has, 1)), [FeedFacts("feed", 9, merchants={"z": 9})]
    )
    assert words in trip.sentence


def test_a_feed_before_or_now_without_merchants_is_not_another() -> None:
    assert (
        feed_guards.other_merchants(feed(9, m1=9), [feed(9)])
        == feed_guards.other_merchants(feed(9), [feed(9, m1=9)])
        == []
    )


def test_a_header_that_was_not_known_has_not_changed() -> None:
    assert feed_guards.changed_header(feed(9, header="h"), [feed(9, header=None)]) == []
    assert feed_guards.changed_header(feed(9, header="h"), [feed(9, header="h"), feed(9, header="other")]) == []


def test_stock_that_was_blank_before_or_left_with_its_merchant_is_not_missed() -> None:
    def stocked(with_stock: dict[str, int] | None, **merchants: int) -> FeedFacts:
        return replace(feed(9, **merchants), with_stock=with_stock)

    assert feed_guards.no_stock(stocked({}, m1=9), [stocked({"1": 0}, m1=9)]) == []
    assert feed_guards.no_stock(stocked({}, m2=9), [stocked({"1": 9}, m1=9)]) == []
    assert feed_guards.no_stock(stocked(None, m1=9), [stocked({"1": 9}, m1=9)]) == []
    assert [trip.merchant_id for trip in feed_guards.no_stock(stocked({"1": 0}, m1=9), [stocked({"1": 9}, m1=9)])] == [
        "1"
    ]


def test_one_damaged_character_in_a_small_feed_is_no_encoding() -> None:
    assert feed_guards.wrong_encoding(FeedFacts("feed", 2, damaged=1)) == []
    assert [trip.guard for trip in feed_guards.wrong_encoding(FeedFacts("feed", 2, damaged=2))] == ["wrong_encoding"]


def test_a_frozen_feed_is_told_with_its_days() -> None:
    since = datetime(2026, 11, 1, tzinfo=UTC)
    assert feed_guards.frozen_feed("x", since, since + timedelta(days=20, hours=3), LIMITS) == (
        "The feed x has not changed for 20 days; ask the advertiser whether it is still kept. [frozen]"
    )


@pytest.mark.parametrize(
    ("gone", "there", "tripped"),
    [(0, 0, False), (4, 0, False), (5, 0, True), (100, 0, True), (100, 100, False), (101, 100, True), (5, 4, True)],
)
def test_a_shop_that_has_lost_more_than_it_shows(gone: int, there: int, tripped: bool) -> None:
    variants = [f"awin:1:{number}" for number in range(gone)] * 2  # two each are one product
    found = guards.check_vanished(pl.DataFrame({"product_key": variants}, {"product_key": pl.String}), there)
    assert [(one.guard, one.holds, one.number) for one in found] == [
        ("shrunken_catalogue", Scope.IMPORT, gone)
    ] * tripped


def test_which_merchant_a_key_names() -> None:
    keys = pl.DataFrame({"key": ["awin:12:a:b", "awin::a", "own:12:a", "x awin:1:a", None]})
    assert keys.select(guards.merchant_of(pl.col("key")))["key"].to_list() == ["12", None, None, None, None]
