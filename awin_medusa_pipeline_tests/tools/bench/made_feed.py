"""Makes what a large feed is measured with: the feed, and a shop that has nine tenths of it.

Usage: python -m awin_medusa_pipeline_tests.tools.bench.made_feed ROWS FOLDER
"""

import shutil
import sys
from pathlib import Path

from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
from awin_medusa_pipeline.sync.engine.intake import FeedParts
from awin_medusa_pipeline_tests.tools.bench.catalog import write_catalog

FEED, CATALOG = "feed.csv.gz", "catalog.parquet"


def main(rows: str, folder: str) -> None:
    """Write feed.csv.gz and catalog.parquet into `folder`."""
    home = Path(folder)
    write_feed(home / FEED, offers=int(rows))
    parts = FeedParts(home / "made", FeedRules())
    parts.add(home / FEED, "bench")
    write_catalog(parts.offers, home / CATALOG)
    shutil.rmtree(home / "made")


if __name__ == "__main__":
    main(*sys.argv[1:])
