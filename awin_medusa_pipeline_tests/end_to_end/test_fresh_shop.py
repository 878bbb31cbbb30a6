"""An empty shop and a feed with every quirk: one sync makes the shop the feed, the next one changes nothing."""

import html
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.feed_generator import GeneratedFeed, write_feed
from awin_medusa_pipeline_tests.support.pipeline import Finished, Pipeline, pipeline_on
from awin_medusa_pipeline_tests.support.plain import Sold, by_product, plain_feed, products_in, sold_in, state_of

OFFERS = 300
UNCHANGED = dict.fromkeys(("planned", "applied", "unchanged", "skipped", "held", "failed"), 0)


@dataclass(frozen=True)
class Story:
    facts: GeneratedFeed
    offers: dict[str, Sold]
    rows: dict[str, Mapping[str, str]]
    first: Finished
    products: dict[str, dict[str, Any]]
    before: dict[str, Any]
    second: Finished
    after: dict[str, Any]
    slack: list[dict[str, Any]]


@pytest.fixture(scope="module")
def story(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Two syncs of one feed."""
    folder = tmp_path_factory.mktemp("fresh")
    sandbox.reset()
    facts = write_feed(sandbox.feed_file, offers=OFFERS, euro_merchant=True)
    offers, rows = plain_feed(folder, offers=OFFERS, euro_merchant=True)
    with pipeline_on(sandbox, folder / "home") as pipeline:
        first = pipeline.run()
        before = state_of(sandbox.shop)
        second = pipeline.run()
        after = state_of(sandbox.shop)
        yield Story(facts, offers, rows, first, before["products"], before, second, after, sandbox.slack_messages())


def test_summary_counts_the_feed(story: Story) -> None:
    summary = story.first.summary
    assert summary["feed_rows"] == story.facts.rows
    assert summary["rejected_rows"] == sum(story.facts.rejected.values())
    assert summary["missing_in_medusa"] == summary["import"]["applied"] == OFFERS
    assert {kind: summary[kind] for kind in ("hide", "restore", "stock")} == dict.fromkeys(
        ("hide", "restore", "stock"), UNCHANGED
    )


def test_every_offer_is_there_once_with_price_level_and_status(story: Story) -> None:
    found = sold_in(story.products.values())
    never_filled = sum(1 for row in story.rows.values() if not (row["in_stock"] or row["stock_status"]))
    unknown = story.facts.stock["unknown"] - never_filled
    assert unknown > 0
    # Only the feed with quirks leaves stock cells blank, in a column that it fills elsewhere: imported with 0.
    blank = {key for key, offer in found.items() if offer.level == 0 and story.offers[key].level == 10}
    assert found == {key: replace(offer, level=0) if key in blank else offer for key, offer in story.offers.items()}
    assert Counter(offer.level for offer in found.values()) == {
        10: story.facts.stock["in_stock"] + never_filled,
        0: story.facts.stock["out_of_stock"] + unknown,
    }


def test_variants_of_one_parent_are_one_product(story: Story) -> None:
    groups = by_product(story.offers)
    assert max(map(len, groups.values())) > 1
    by_external_id = {product["external_id"]: product for product in story.products.values()}
    assert len(by_external_id) == len(story.products)
    assert {
        key: {variant["metadata"]["awin_offer_key"] for variant in product["variants"]}
        for key, product in by_external_id.items()
    } == groups


def test_barcode_is_the_gtin_where_it_is_one(story: Story) -> None:
    barcodes = {
        variant["metadata"]["awin_offer_key"]: variant["barcode"]
        for product in story.products.values()
        for variant in product["variants"]
    }
    digits = {key: row["ean"] or row["product_GTIN"] for key, row in story.rows.items()}
    wrong = {key for key, barcode in barcodes.items() if barcode is None}
    assert 0 < len(wrong) <= story.facts.quirks["gtin_list"] + story.facts.quirks["gtin_invalid"]
    assert {key: code for key, code in barcodes.items() if code} == {
        key: code for key, code in digits.items() if key not in wrong
    }


def test_what_a_buyer_reads(story: Story) -> None:
    for product in story.products.values():
        first = story.rows[product["variants"][0]["metadata"]["awin_offer_key"]]
        title = product["title"]
        assert title == " ".join(html.unescape(title).split()), "entities, nbsp and double spaces are gone"
        assert "Ã" not in title
        assert {tag["value"] for tag in product["tags"]} == {"AWIN", first["merchant_name"]}
        # "Not available" is no brand; every other name begins with its brand.
        assert product["collection"] is None or title.startswith(product["collection"]["title"])
        assert [category["name"] for category in product["categories"]]
        assert product["metadata"]["awin_deep_link"].startswith("https://www.awin1.com/pclick.php?p=")
        assert product["sales_channels"]
        assert product["shipping_profile"]
        addresses = [image["url"] for image in product["images"]]
        assert product["thumbnail"] == (addresses[0] if addresses else None)
        assert all(" " not in address for address in addresses)
    assert sum(product["collection"] is None for product in story.products.values()) < len(story.products) / 10
    assert sum(not product["images"] for product in story.products.values()) < len(story.products) / 10


def test_the_second_sync_writes_nothing(story: Story) -> None:
    summary = story.second.summary
    assert (summary["matched"], summary["matched_by"]["external_id"]) == (OFFERS, OFFERS)
    for kind in ("import", "hide", "restore", "stock"):
        assert summary[kind] == UNCHANGED
    assert summary["price_mismatches"] == 0
    assert story.after == story.before


def test_slack_is_told_once_a_sync(story: Story) -> None:
    first, second = (message["text"] for message in story.slack)
    assert f"{OFFERS} missing in the shop" in first
    assert f"import: {OFFERS} applied" in first
    assert f"/runs/{story.first.run_id}|Open run" in first
    assert "import: nothing to do" in second
    assert f"/runs/{story.second.run_id}|Open run" in second


def test_latest_leads_to_the_newest_report(story: Story) -> None:
    latest = story.second.folder.parent / "latest"
    assert latest.resolve() == story.second.folder.resolve()
    assert story.second.folder.name.endswith(story.second.run_id[:8])


def test_assets_materialised_by_hand_change_nothing(pipeline: Pipeline, sandbox: Sandbox, shop: Shop) -> None:
    """Dagster's own job for them has none of our jobs' config."""
    facts = write_feed(sandbox.feed_file, offers=30)
    summary = pipeline.run("__ASSET_JOB").summary
    assert summary["dry_run"] is True
    assert summary["import"] == UNCHANGED | {"planned": facts.offers, "skipped": facts.offers}
    assert products_in(shop) == {}
    (message,) = sandbox.slack_messages()
    assert "(dry run, nothing was changed)" in message["text"]
