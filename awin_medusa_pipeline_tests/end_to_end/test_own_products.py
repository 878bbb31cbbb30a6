"""A shop with products of its own: what is theirs stays as it is until a person says otherwise."""

from decimal import Decimal
from typing import Any

from awin_medusa_pipeline.medusa.shapes import OFFER_KEY
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.store.held_plans import HeldPlan, HeldPlans
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.pipeline import Finished, Json, Pipeline
from awin_medusa_pipeline_tests.support.plain import products_in, state_of

ONE_OPTION = {"options": [{"title": "Kind", "values": ["plain"]}]}


def make(shop: Shop, title: str, sku: str, amount: float, *, level: int | None = None, **values: Any) -> Json:
    """A product made by hand in Medusa Admin."""
    variant = {
        "title": "plain",
        "sku": sku,
        "options": {"Kind": "plain"},
        "prices": [{"amount": amount, "currency_code": "gbp"}],
        "metadata": {"note": "mine"},
    }
    body = {"title": title, "status": "published", "variants": [variant], **ONE_OPTION, **values}
    with shop.client() as client:
        fields = {"fields": "id,variants.id,variants.inventory_items.inventory_item_id"}
        made: Json = client.post("/admin/products", json=body, params=fields).raise_for_status().json()["product"]
        if level is not None:
            item = made["variants"][0]["inventory_items"][0]["inventory_item_id"]
            at = {"location_id": shop.stock_location_id, "stocked_quantity": level}
            client.post(f"/admin/inventory-items/{item}/location-levels", json=at).raise_for_status()
    return made


def held(pipeline: Pipeline, run: Finished) -> dict[str, HeldPlan]:
    with pipeline.database() as database:
        return {plan.kind: plan for plan in HeldPlans(database).of_run(run.run_id)}


def hidden(shop: Shop) -> set[str]:
    return {product["title"] for product in products_in(shop).values() if product["status"] == "draft"}


def undo(pipeline: Pipeline, run: Finished) -> Finished:
    config = {"run_id": run.run_id, "dry_run": False}
    return pipeline.end_of("undo_run_job", ops={"undo_run": {"config": config}})


def test_fifteen_products_made_by_hand(pipeline: Pipeline, sandbox: Sandbox) -> None:
    shop = sandbox.shop
    for number in range(15):
        make(shop, f"Bowl of clay {number}", f"clay-{number}", 30, level=2)
    write_rows(sandbox.feed_file, *(row(f"a{number}") for number in range(12)))
    theirs = {product["handle"]: product for product in products_in(shop).values()}

    first = pipeline.run(dry_run=False, limit=10)
    plan = held(pipeline, first)["hide"]
    assert {entry["title"] for entry in pipeline.rows_of(plan)} == {f"Bowl of clay {number}" for number in range(15)}
    assert "never were" in plan.reasons[0]
    assert first.summary["import"]["applied"] == 10
    assert hidden(shop) == set()

    with pipeline.database() as database:
        HeldPlans(database).reject(plan, "ada")
    for _ in range(2):
        run = pipeline.run()
        assert held(pipeline, run) == {}
        assert run.summary["hide"] | {"unchanged": 0} == {
            "planned": 15,
            "applied": 0,
            "unchanged": 0,
            "skipped": 15,
            "held": 0,
            "failed": 0,
        }
        assert "kept by your decision" in run.log("hide")[0]["error"]
    now = products_in(shop)
    assert {handle: now[handle] for handle in theirs} == theirs

    with pipeline.database() as database:
        HeldPlans(database).forget(plan)
    again = held(pipeline, pipeline.run())["hide"]
    approved = pipeline.run("hide_medusa_only_job", dry_run=False, approve_plan=again.hash)
    assert hidden(shop) == {f"Bowl of clay {number}" for number in range(15)}
    undone = pipeline.end_of(
        "undo_run_job", ops={"undo_run": {"config": {"run_id": approved.run_id, "dry_run": False}}}
    )
    assert undone.error is None
    assert hidden(shop) == set()


def test_what_agrees_by_chance_is_a_question(pipeline: Pipeline, sandbox: Sandbox) -> None:
    shop = sandbox.shop
    make(shop, "Walnut Table", "1001", 400, level=3)
    make(shop, "Gift Card", "OWN-GC", 50, level=100, handle="gift-card")
    make(shop, "Kettle 7", "7", 10.5, level=2)
    write_rows(
        sandbox.feed_file,
        row("1001", product_name="Rubber Duck", search_price="3.00"),
        row("gc9", product_name="Gift Card"),
        row("7"),
        row("8"),
    )
    before = products_in(shop)
    run = pipeline.run()
    after = products_in(shop)
    for handle in ("walnut-table", "gift-card"):
        assert after[handle] == before[handle]
    variant = after["kettle-7"]["variants"][0]
    assert variant["metadata"] == {"note": "mine", OFFER_KEY: "awin:7001:7"}
    assert variant["prices"] == before["kettle-7"]["variants"][0]["prices"], "nothing but the key"
    plan = held(pipeline, run)["adopt"]
    assert {(entry["name"], entry["title"], entry["agrees"]) for entry in pipeline.rows_of(plan)} == {
        ("Rubber Duck", "Walnut Table", "SKU"),
        ("Gift Card", "Gift Card", "name"),
    }

    # The first price is asked about, the level follows the feed.
    next_day = pipeline.run()
    (price,) = pipeline.rows_of(held(pipeline, next_day)["price"])
    assert (price["price"], price["question"]) == (Decimal(10), "first_price")
    assert next_day.summary["stock"]["applied"] == 1

    with pipeline.database() as database:
        HeldPlans(database).reject(plan, "ada")
    state = state_of(shop)
    assert "adopt" not in held(pipeline, pipeline.run())
    assert state_of(shop) == state

    undone = undo(pipeline, run)
    assert undone.error is None
    product = products_in(shop)["kettle-7"]
    assert product["variants"][0]["metadata"] == {"note": "mine"}
    assert product["external_id"] is None
    assert [line["status"] for line in undone.log(str(Kind.ADOPT))] == ["applied"]
