"""The story of a product that a real shop sells, loses and gets back."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from awin_medusa_pipeline.cli.main import app
from awin_medusa_pipeline.sandbox import Shop
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.pipeline import Pipeline


def at_another_location(shop: Shop, sku: str, quantity: int) -> None:
    """Put pieces at a second location that the sales channel sells from."""
    with shop.client() as client:
        barn = client.post("/admin/stock-locations", json={"name": "Barn"}).json()["stock_location"]["id"]
        channel = {"add": [shop.sales_channel_id]}
        client.post(f"/admin/stock-locations/{barn}/sales-channels", json=channel).raise_for_status()
        [item] = client.get("/admin/inventory-items", params={"sku": sku}).json()["inventory_items"]
        level = {"location_id": barn, "stocked_quantity": quantity}
        client.post(f"/admin/inventory-items/{item['id']}/location-levels", json=level).raise_for_status()


def test_the_story_of_a_product(
    pipeline: Pipeline, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    pipeline.environment.setenv("AWIN_FEED_URL", str(feed := tmp_path / "feed.csv"))
    others, lamp = [row(f"A{number}") for number in range(9)], row("B", product_name="Lamp")

    def story(key: str) -> str:
        result = CliRunner().invoke(app, ["why", key])
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    write_rows(feed, *others, lamp)
    pipeline.run()
    assert "import applied product_key awin:7001:B" in story("B")
    assert "Now shop B: published, 10 GBP, level 10; “Lamp”" in story("awin:7001:B")
    write_rows(feed, *others, lamp | {"in_stock": "0"})
    pipeline.run()
    assert "awin:7001:B is variant" in story("lamp")
    assert "set stock applied level 10 → 0" in story("lamp")
    at_another_location(shop, "B", 3)
    assert "Now shop B: published, 10 GBP, level 0, 3 at Barn; “Lamp”" in story("awin:7001:B")
    write_rows(feed, *others, lamp | {"search_price": "0"})
    hiding = pipeline.run()
    told = story("lamp")
    assert "rejected, line 11 of feed.csv: The column search_price holds “0”" in told
    assert "only in the shop, accepted feeds in a row without it: 1" in told
    assert "hide applied status published → draft" in told
    assert f"Now shop B: draft, hidden by run {hiding.run_id[:8]}, 10 GBP, level 0, 3 at Barn; “Lamp”" in told
