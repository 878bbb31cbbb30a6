"""PostgreSQL is started anew while a run writes its log and holds its lease: the run goes on."""

import threading
import time
from collections import Counter

from awin_medusa_pipeline.core.store.database import Database, open_database
from awin_medusa_pipeline.core.store.leases import Leases
from awin_medusa_pipeline.sandbox.postgres import Postgres
from awin_medusa_pipeline.sandbox.processes import silent
from awin_medusa_pipeline.sync.domain.operations import Kind, Operation, Status
from awin_medusa_pipeline.sync.store.ledger import Ledger, Outcome

SHOP = "http://shop.test"


def test_a_run_goes_on_after_a_restart_of_its_store(postgres: Postgres, migrated_database: str) -> None:
    postgres.create("restarted", migrated_database)
    faults: list[Exception] = []
    over, written = threading.Event(), 0

    def run(database: Database) -> None:
        nonlocal written
        try:
            with Leases(database).hold(SHOP, run_id="run", job="daily_sync_job") as lease:
                while not over.is_set():
                    lease.renew()
                    operations = [Operation(f"{written}-{number}", {"level": 1}) for number in range(50)]
                    entries = ledger.record_intents("run", Kind.STOCK, operations, held=lease)
                    lease.check()
                    ledger.record_outcomes([Outcome(one, Status.APPLIED) for one in entries], run_id="run", held=lease)
                    written += 1
        except Exception as fault:
            faults.append(fault)

    with open_database(postgres.url("restarted")) as database:
        ledger = Ledger(database)
        ledger.start_run("run", shop=SHOP, job="daily_sync_job")
        writer = threading.Thread(target=run, args=(database,))
        writer.start()
        for _ in range(3):
            before = written
            while written < before + 5 and not faults:
                time.sleep(0.02)
            postgres._service.stop()
            postgres.start(silent)
        before = written
        while written < before + 5 and not faults:
            time.sleep(0.02)
        over.set()
        writer.join()
        assert faults == []
        statuses = Counter(row.status for row in ledger.rows("run"))
        # An intent may be there twice, where the answer to its commit was lost: the next run settles it.
        assert statuses[Status.APPLIED] == 50 * written
        assert statuses[Status.INTENT] <= 3 * 50
        assert Leases(database).holder(SHOP) is None
    postgres.drop("restarted")
