"""An advertiser who wants the shop: what it sends costs its own rows, and what it wants waits for a person."""

from datetime import UTC, datetime
from typing import Any

from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sync.domain.operations import Kind, Operation, Status
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.end_to_end.test_own_products import held, hidden, make
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.pipeline import Finished, Pipeline
from awin_medusa_pipeline_tests.support.plain import products_in

CODES = ("4006381333009", "4006381333016", "4006381333023")

NAMELESS = {"brand_name": "", "merchant_category": ""}


def honest(number: int, **cells: str) -> list[dict[str, str]]:
    return [row(f"n{n}", product_name=f"Kettle {n} of brass", **cells) for n in range(number)]


def test_three_rows_against_the_owners_products(pipeline: Pipeline, sandbox: Sandbox) -> None:
    """Seen: name, GTIN and SKU copied from the shop published its tables for a penny, with another picture."""
    for number, code in enumerate(CODES):
        made = make(sandbox.shop, f"Walnut Table No {number}", f"WT-{number}", 400 + number, level=3)
        with sandbox.shop.client() as client:
            path = f"/admin/products/{made['id']}/variants/{made['variants'][0]['id']}"
            client.post(path, json={"barcode": code}).raise_for_status()
    before = products_in(sandbox.shop)
    forged = {"search_price": "0.01", "merchant_image_url": "https://images.example/x.jpg"}
    write_rows(
        sandbox.feed_file,
        *honest(30),
        *(
            row(f"WT-{number}", product_name=f"Walnut Table No {number}", ean=code, **forged)
            for number, code in enumerate(CODES)
        ),
    )
    run = pipeline.run()
    assert run.summary["import"]["applied"] == 30
    assert {key: product for key, product in products_in(sandbox.shop).items() if key in before} == before
    (plan,) = held(pipeline, run).values()
    assert [
        (entry["title"], entry["name"], float(entry["shop_price"]), float(entry["price"]), entry["contradicts"])
        for entry in pipeline.rows_of(plan)
    ] == [(f"Walnut Table No {n}", f"Walnut Table No {n}", 400.0 + n, 0.01, "price") for n in range(3)]


def test_one_row_costs_no_other(pipeline: Pipeline, sandbox: Sandbox) -> None:
    """Seen: an id of 17 kB failed the import as a whole, and so did a brand, category or merchant name above 2.7 kB."""
    long = dict.fromkeys(("merchant_product_id", "product_name", "merchant_name"), "wedge " * 3000)
    rows = [*honest(30), *(row(f"w{n}") | {name: text} for n, (name, text) in enumerate(long.items()))]
    write_rows(sandbox.feed_file, *(one | NAMELESS for one in rows))
    assert pipeline.run().summary["import"]["applied"] == 30

    # Of 3 bytes a letter, and eighteen letters once it is decomposed for a handle.
    wide = {"brand_name": "ﷺ" * 300, "merchant_category": " > ".join(["ﷺ" * 100] * 3)}
    rows = [*rows, *honest(60)[30:], row("w9", product_name="Odd")]
    write_rows(sandbox.feed_file, *(one | NAMELESS for one in rows[:-1]), rows[-1] | wide)
    summary = pipeline.run().summary
    assert (summary["import"]["applied"], summary["import"]["failed"]) == (31, 0)


def test_an_intent_that_cannot_be_looked_up_stops_no_later_night(pipeline: Pipeline, sandbox: Sandbox) -> None:
    key = "awin:7001:" + "x" * 17_000
    after = {"product_key": key, "sku": "x", "handle": "x", "price": "1", "currency": "gbp", "level": 1}
    with pipeline.database() as database:
        ledger = Ledger(database)
        ledger.start_run("died", shop=sandbox.shop.base_url, job="daily_sync_job")
        ledger.record_intents("died", Kind.IMPORT, [Operation(key, after)])
    write_rows(sandbox.feed_file, *honest(30))
    assert pipeline.run().summary["import"]["applied"] == 30
    with pipeline.database() as database:
        (entry,) = Ledger(database).rows("died")
    assert entry.status is Status.UNKNOWN
    assert "431" in str(entry.reason)


def test_a_feed_that_grows_at_once_waits(pipeline: Pipeline, sandbox: Sandbox) -> None:
    """Seen: 300 new products on 110 went straight through."""
    write_rows(sandbox.feed_file, *honest(110))
    assert pipeline.run().summary["import"]["applied"] == 110
    write_rows(sandbox.feed_file, *honest(410))
    run = pipeline.run()
    assert (run.summary["import"]["applied"], run.summary["import"]["held"]) == (0, 300)
    plan = held(pipeline, run)["import"]
    assert "has 410 offers where the last ones had 110" in plan.reasons[0]
    write_rows(sandbox.feed_file, *honest(111))
    assert pipeline.run().summary["import"]["applied"] == 1, "the bloated feed is no measure"


def test_prices_that_all_fall_by_half_wait(pipeline: Pipeline, sandbox: Sandbox) -> None:
    write_rows(sandbox.feed_file, *honest(30))
    pipeline.run()
    for price in ("5.00", "5.01"):
        write_rows(sandbox.feed_file, *honest(30, search_price=price))
        run = pipeline.run()
        assert (run.summary["price"]["applied"], run.summary["price"]["held"]) == (0, 30)


def test_a_price_that_falls_night_by_night_waits_at_half(pipeline: Pipeline, sandbox: Sandbox) -> None:
    def night(price: str) -> Finished:
        write_rows(sandbox.feed_file, *honest(10), row("creeps", product_name="Lamp of oak", search_price=price))
        return pipeline.run()

    def price_in_shop() -> float:
        (product,) = (one for one in products_in(sandbox.shop).values() if one["external_id"] == "awin:7001:creeps")
        return float(product["variants"][0]["prices"][0]["amount"])

    night("10.00")
    for price in ("6.56", "5.90", "5.31"):
        assert night(price).summary["price"]["applied"] == 1
    held_back = night("4.78")
    assert (held_back.summary["price"]["held"], price_in_shop()) == (1, 5.31)
    plan = held(pipeline, held_back)["price"]
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert f"the furthest from 10 GBP on {today} to 4.78 GBP, -52 % [price_creep]" in plan.reasons[0]
    assert plan.reasons[0] in held_back.log("price")[0]["error"]

    # The same yes starts the measure anew.
    yes = {"price_updates": {"config": {"dry_run": False, "approve_plan": plan.hash}}}
    pipeline.end_of(ops=yes)
    assert price_in_shop() == 4.78
    assert night("4.30").summary["price"]["applied"] == 1
    assert (price_in_shop(), night("2.38").summary["price"]["held"]) == (4.3, 1)


def test_text_of_others_stays_text(pipeline: Pipeline, sandbox: Sandbox) -> None:
    cells: dict[str, Any] = {
        "description": "Nice <<b>script>alert(1)</script>",
        "aw_deep_link": "javascript:alert(1)",
        "search_price": "10.00",
    }
    odd = [row("p0", search_price="0.0001"), row("p1", search_price="99,999,999,999,999.00")]
    rows = [row("a", product_name="<<i>img src=x onerror=alert(1)>Kettle") | cells, *honest(3), *odd]
    write_rows(sandbox.feed_file, *({"description": "", "aw_deep_link": ""} | one for one in rows))
    run = pipeline.run()
    assert run.summary["import"]["applied"] == 4
    (product,) = (one for one in products_in(sandbox.shop).values() if one["external_id"] == "awin:7001:a")
    assert product["title"] == "< img src=x onerror=alert(1)>Kettle"
    assert product["description"] == "Nice < script>alert(1)"
    assert "javascript" not in str(product["metadata"])
    assert hidden(sandbox.shop) == set()


def test_a_new_merchant_waits_until_a_person_has_agreed(pipeline: Pipeline, sandbox: Sandbox) -> None:
    write_rows(sandbox.feed_file, *honest(30))
    pipeline.run()
    joined = [row(f"j{n}", product_name=f"Vase {n} of glass", merchant_id="7002") for n in range(5)]
    write_rows(sandbox.feed_file, *honest(31), *joined)
    run = pipeline.run()
    assert (run.summary["import"]["applied"], run.summary["import"]["held"]) == (1, 5)
    plan = held(pipeline, run)["import"]
    assert "merchant 7002, whom it did not speak for before" in plan.reasons[0]
    approved = pipeline.run("import_missing_job", dry_run=False, approve_plan=plan.hash)
    assert approved.summary["import"]["applied"] == 5
    write_rows(sandbox.feed_file, *honest(32), *joined)
    again = pipeline.run().summary["import"]
    assert (again["applied"], again["held"]) == (1, 0)
