"""What an import booked is taken back as any other run is, and then stays so."""

from awin_medusa_pipeline.sync.domain.operations import Counts
from awin_medusa_pipeline_tests.sales.office import Office, first_run


def test_an_import_is_taken_back_and_stays_so(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG-R", "MUG-B")
    first_run(opened)
    receipts = [opened.etsy.sell(listing_id, pieces) for pieces in ({"MUG-R": 1}, {"MUG-R": 2, "MUG-B": 1})]
    opened.run()
    assert (opened.shop.level("MUG-R"), opened.shop.level("MUG-B")) == (7, 9)
    assert opened.undo(f"sales-{opened.runs}").counts == Counts(applied=3)
    assert (opened.shop.level("MUG-R"), opened.shop.level("MUG-B")) == (10, 10)
    for _ in range(2):
        opened.run()
    assert set(opened.states()) == {"undone"}
    assert opened.dealt_with("prod_1") == {}
    for receipt in receipts:
        opened.etsy.cancel(receipt)
    opened.run()
    assert (opened.shop.level("MUG-R"), opened.shop.level("MUG-B")) == (10, 10)


def test_the_undoing_can_be_undone(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG": 2})
    opened.run()
    opened.undo(f"sales-{opened.runs}")
    opened.run()
    opened.undo(f"sales-{opened.runs - 1}")
    opened.run()
    assert (opened.shop.level("MUG"), opened.row().state, opened.row().taken) == (8, "taken", 2)
    opened.etsy.cancel(receipt_id)
    opened.run()
    assert (opened.shop.level("MUG"), opened.row().state) == (10, "returned")


def test_what_was_put_back_is_taken_off_again(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    receipt_id = opened.etsy.sell(listing_id, {"MUG": 2})
    opened.run()
    opened.etsy.cancel(receipt_id)
    opened.run()
    opened.undo(f"sales-{opened.runs}")
    opened.run()
    assert (opened.shop.level("MUG"), opened.row().state, opened.row().taken) == (8, "undone", 2)
    opened.run()
    assert opened.shop.level("MUG") == 8


def test_a_level_that_changed_since_is_left_alone(opened: Office) -> None:
    listing_id = opened.list_product("prod_1", "MUG")
    first_run(opened)
    opened.etsy.sell(listing_id, {"MUG": 2})
    opened.run()
    opened.shop.set("MUG", 50)
    assert opened.undo(f"sales-{opened.runs}").counts == Counts(skipped=1)
    opened.run()
    assert (opened.shop.level("MUG"), opened.row().state) == (50, "taken")
