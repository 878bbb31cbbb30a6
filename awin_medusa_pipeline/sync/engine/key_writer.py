"""Writes our key to variants and products of the shop, and sees whether it is there."""

from collections.abc import Sequence
from typing import Any

from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.shapes import OFFER_KEY, Json
from awin_medusa_pipeline.medusa.variants import update_variants
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, Operation, Plan
from awin_medusa_pipeline.sync.domain.plans import reverse_adoptions
from awin_medusa_pipeline.sync.engine.pace import BATCH
from awin_medusa_pipeline.sync.engine.writers import after_a_write

_FIELDS = "id,product_id,metadata,product.external_id"


class KeyWriter:
    """Sets the key of variants, and the external_id of their products. The operations say everything."""

    kind = Kind.ADOPT
    per_request = BATCH

    def __init__(self, client: MedusaClient) -> None:
        self._client = client

    def send(self, bundles: Sequence[Bundle]) -> dict[str, str | None]:
        """One batch of products and one of variants, read back."""
        operations = [operation for bundle in bundles for operation in bundle.operations]
        there = self._variants(operations)
        found = [(one, there[str(one.target_id)]) for one in operations if str(one.target_id) in there]
        products = {
            variant["product_id"]: one.after["external_id"]
            for one, variant in found
            if variant["product"]["external_id"] != one.after["external_id"]
        }
        if products:
            update = [{"id": id_, "external_id": external_id} for id_, external_id in products.items()]
            self._client.post("/admin/products/batch", {"update": update}, {"fields": "id"})
        variants = [
            # Whether Medusa merges this metadata or replaces it depends on the route; whole, it is the same either way.
            {
                "id": variant["id"],
                "product_id": variant["product_id"],
                "metadata": {**(variant["metadata"] or {}), OFFER_KEY: one.after[OFFER_KEY] or ""},
            }
            for one, variant in found
        ]
        with after_a_write():
            if variants:
                update_variants(self._client, variants)
            return self.look_up(operations)

    def look_up(self, operations: Sequence[Operation]) -> dict[str, str | None]:
        """Operations whose variant and product have the wanted keys."""
        shown = self.read(operations)
        return {one.key: one.target_id for one in operations if shown.get(one.key) == one.after}

    def read(self, operations: Sequence[Operation]) -> dict[str, Json]:
        """The keys that the shop shows, by operation key; nothing for a variant that is gone."""
        there = self._variants(operations)
        return {
            one.key: {
                OFFER_KEY: (variant["metadata"] or {}).get(OFFER_KEY) or None,
                "external_id": variant["product"]["external_id"] or None,
            }
            for one in operations
            if (variant := there.get(str(one.target_id)))
        }

    def reverse(self, applied: Sequence[Operation]) -> Plan:
        """Keys as they were before."""
        return reverse_adoptions(applied)

    def _variants(self, operations: Sequence[Operation]) -> dict[str, dict[str, Any]]:
        ids = [str(operation.target_id) for operation in operations]
        return {one["id"]: one for one in self._client.where("product-variants", "id", ids, _FIELDS)}
