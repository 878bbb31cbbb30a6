"""What an interrupted import left is removed only with proof; everything else is completed where it is, or left."""

from typing import Any

import pytest

from awin_medusa_pipeline.sync.domain import halves
from awin_medusa_pipeline.sync.domain.operations import Operation
from awin_medusa_pipeline_tests.support.factories import Row, catalog, variant

INTENT = {"product_key": "awin:1:a", "handle": "red-lamp", "content": {"title": "Red Lamp"}}
LEFT: Row = {
    **{"product": "p", "external_id": "awin:1:a", "offer_key": "awin:1:a", "handle": "red-lamp", "title": "Red Lamp"},
    **{"half_made": "no_price", "prices": [], "level": None},
}
BARE = LEFT | {"variant_id": None, "offer_key": None, "half_made": "no_variants"}
PRICED = [{"currency": "gbp", "amount": 5}]

REPAIRS: dict[str, tuple[list[Operation], list[Row], list[str | None]]] = {
    "as its import left it": ([Operation("awin:1:a", INTENT)], [LEFT], ["replace"]),
    "without variants": ([Operation("awin:1:a", INTENT)], [BARE], ["replace"]),
    "no intent": ([], [LEFT], [None]),
    "another product's intent": ([Operation("awin:1:b", INTENT | {"product_key": "awin:1:b"})], [LEFT], [None]),
    "another title": ([Operation("awin:1:a", INTENT)], [LEFT | {"title": "My lamp"}], ["complete"]),
    "a text of its own": ([Operation("awin:1:a", INTENT)], [LEFT | {"description": "Mine"}], ["complete"]),
    "an image of its own": ([Operation("awin:1:a", INTENT)], [LEFT | {"images": ["x", "x"]}], ["complete"]),
    "another handle": ([Operation("awin:1:a", INTENT)], [LEFT | {"handle": "lamp"}], ["complete"]),
    "hidden by somebody": ([Operation("awin:1:a", INTENT)], [LEFT | {"status": "draft"}], ["complete"]),
    "a price, but no inventory item": (
        [Operation("awin:1:a", INTENT)],
        [LEFT | {"half_made": "no_inventory_item", "prices": PRICED}],
        ["complete"],
    ),
    "a whole variant beside it": (
        [Operation("awin:1:a", INTENT)],
        [LEFT, LEFT | {"id_": "b", "offer_key": "awin:1:b", "half_made": None, "prices": PRICED}],
        ["complete", None],
    ),
    "a variant of somebody's beside it": (
        [Operation("awin:1:a", INTENT)],
        [LEFT, LEFT | {"id_": "b", "offer_key": None}],
        ["complete", None],
    ),
    "somebody else's product": ([Operation("awin:1:a", INTENT)], [LEFT | {"external_id": None}], [None]),
    "an intent of an old log, which does not tell the title": (
        [Operation("awin:1:a", {"product_key": "awin:1:a", "handle": "red-lamp"})],
        [LEFT],
        ["complete"],
    ),
}


@pytest.mark.parametrize(("unfinished", "shop", "repairs"), REPAIRS.values(), ids=REPAIRS.keys())
def test_repair(unfinished: list[Operation], shop: list[Row], repairs: list[str | None]) -> None:
    rows = [variant(**values) for values in shop]
    table = catalog(*rows).collect()
    found = halves.with_repairs(table, unfinished)
    assert found["repair"].to_list() == repairs
    assert found.drop("repair").equals(table.drop("repair"))


def test_what_somebody_relies_on_is_completed() -> None:
    rows: list[dict[str, Any]] = [variant("a", **LEFT | {"repair": "replace"}), variant("b", **{"repair": "replace"})]
    found = halves.completed_instead(catalog(*rows).collect(), {"p"})
    assert found["repair"].to_list() == ["complete", "replace"]
