"""How many feeds in a row lacked each product of a shop: what hiding may wait for.

What belongs here: counting. What does not: which products are missing (sync/domain/discrepancies.py) and how many feeds
are enough (settings).
"""

from collections.abc import Collection

import sqlalchemy as sa

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.store.models import Absence


class Absences:
    """Reads and writes the counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, shop: str, missing: Collection[str], content: str | None, *, most: int) -> dict[str, int]:
        """Feeds in a row, this one included, that lacked each of the missing products; those that are back start anew.

        `content` tells feeds apart, by a hash: the same one again is no further feed, since an advertiser that does not
        write at weekends says nothing new. None: a feed that is not to be relied on, and does not count. Counted up to
        `most`, so that what has waited long enough is not written down again every night.
        """
        if most == 1:  # nothing to wait for, and nothing to remember
            with self._database.writing() as session:
                session.execute(sa.delete(Absence).where(Absence.shop == shop))
            return dict.fromkeys(missing, 1)
        rows = sa.select(Absence.product_id, Absence.feeds, Absence.content).where(Absence.shop == shop)
        with self._database.writing() as session:
            before = {product: (feeds, of) for product, feeds, of in session.execute(rows)}
            back = [{"of": shop, "product": product} for product in before.keys() - set(missing)]
            gone = sa.delete(Absence).where(Absence.shop == sa.bindparam("of"))
            if back:
                session.connection().execute(gone.where(Absence.product_id == sa.bindparam("product")), back)
            if content is None:
                return {product: before.get(product, (0, ""))[0] for product in missing}
            new = [product for product in missing if product not in before]
            more = [p for p in missing if p in before and before[p][0] < most and before[p][1] != content]
            shared = {"shop": shop, "content": content}
            if new:
                session.execute(sa.insert(Absence), [{"product_id": p, "feeds": 1, **shared} for p in new])
            if more:
                session.execute(
                    sa.update(Absence), [{"product_id": p, "feeds": before[p][0] + 1, **shared} for p in more]
                )
        counts = {product: before.get(product, (0, ""))[0] for product in missing}
        return counts | {product: counts[product] + 1 for product in (*new, *more)}
