"""Counts how many feeds in a row lacked each product of a shop, for GUARD_HIDE_AFTER_FEEDS."""

from collections.abc import Collection

import sqlalchemy as sa

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.store.models import Absence


class Absences:
    """Reads and writes the counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, shop: str, missing: Collection[str], content: str | None, *, most: int) -> dict[str, int]:
        """Count the feeds in a row, this one included, that lacked each missing product; others start again at zero.

        `content`: a hash over the feeds; the same content again does not count, since an unchanged feed says nothing
        new. None: an unreliable feed, which does not count either. Counts up to `most`, so that products that have
        waited long enough are not written again every night.
        """
        if most == 1:  # nothing to wait for, so nothing to store
            with self._database.writing() as session:
                session.execute(sa.delete(Absence).where(Absence.shop == shop))
            return dict.fromkeys(missing, 1)
        rows = sa.select(Absence.product_id, Absence.feeds, Absence.content).where(Absence.shop == shop)
        with self._database.writing() as session:
            before = {product: (feeds, last) for product, feeds, last in session.execute(rows)}
            back = [{"of": shop, "product": product} for product in before.keys() - set(missing)]
            gone = sa.delete(Absence).where(Absence.shop == sa.bindparam("of"))
            if back:
                session.connection().execute(gone.where(Absence.product_id == sa.bindparam("product")), back)
            if content is None:
                return {product: before.get(product, (0, ""))[0] for product in missing}
            new = [one for one in missing if one not in before]
            more = [one for one in missing if one in before and before[one][0] < most and before[one][1] != content]
            shared = {"shop": shop, "content": content}
            if new:
                session.execute(sa.insert(Absence), [{"product_id": one, "feeds": 1, **shared} for one in new])
            if more:
                counted = [{"product_id": one, "feeds": before[one][0] + 1, **shared} for one in more]
                session.execute(sa.update(Absence), counted)
        counts = {product: before.get(product, (0, ""))[0] for product in missing}
        return counts | {product: counts[product] + 1 for product in (*new, *more)}
