"""A shop that is empty overnight is not filled again before a person has said so."""

from dataclasses import replace

from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.engine.applier import Imported
from awin_medusa_pipeline.sync.engine.held import Gate
from awin_medusa_pipeline.sync.store.held_plans import HeldPlans
from awin_medusa_pipeline_tests.support.factories import offer
from awin_medusa_pipeline_tests.support.pipeline import Pipeline
from awin_medusa_pipeline_tests.support.plain import products_in, read, sold_in
from awin_medusa_pipeline_tests.support.rig import Rig

OFFERS = 60


def test_what_was_imported_and_has_vanished_waits_for_a_person(
    pipeline: Pipeline, sandbox: Sandbox, shop: Shop
) -> None:
    write_feed(sandbox.feed_file, offers=OFFERS, quirks=False)
    assert pipeline.run().summary["import"]["applied"] == OFFERS
    wanted = sold_in(products_in(shop).values())
    sandbox.reset()
    for _ in range(2):
        emptied = pipeline.run()
        assert (emptied.summary["import"]["held"], emptied.summary["import"]["applied"]) == (OFFERS, 0)
        assert any("[shrunken_catalogue]" in note for note in emptied.summary["notes"])
        assert products_in(shop) == {}
    with pipeline.database() as database:
        (plan,) = HeldPlans(database).waiting(shop.base_url)
    assert plan.kind == Kind.IMPORT
    approved = pipeline.run("import_missing_job", dry_run=False, approve_plan=plan.hash)
    assert approved.summary["import"]["applied"] == OFFERS
    assert sold_in(products_in(shop).values()) == wanted
    assert pipeline.run().summary["import"]["planned"] == 0


def test_a_few_products_that_were_deleted_are_made_again(pipeline: Pipeline, sandbox: Sandbox, shop: Shop) -> None:
    write_feed(sandbox.feed_file, offers=OFFERS, quirks=False)
    pipeline.run()
    wanted = sold_in(products_in(shop).values())
    some = [product["id"] for product in read(shop, "products", fields="id")][:6]
    with shop.client() as client:
        client.post("/admin/products/batch", json={"delete": some}).raise_for_status()
    assert pipeline.run().summary["import"]["held"] == 0
    assert sold_in(products_in(shop).values()) == wanted


def test_a_catalogue_that_was_read_before_the_imports_accuses_nobody(rig: Rig) -> None:
    """A run that Dagster repeats from the step that failed has the old one."""
    feed = [offer(f"p{number}", name=f"Product {number}") for number in range(8)]
    missing = rig.missing(feed)
    rig.imports(feed)
    products = len(rig.products())
    imported = Imported(lambda keys: rig.ledger.imported(rig.shop.base_url, keys), there=0)
    applier = rig.applier()
    gate = Gate((), HeldPlans(rig.ledger._database), rig.shop.base_url, rig.run_id, hours=24)
    assert replace(applier, gate=gate).import_missing(missing, imported).counts.held == 0
    assert len(rig.products()) == products == 8
