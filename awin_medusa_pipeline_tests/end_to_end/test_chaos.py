"""The short form of `make chaos`, and that its judge sees what is wrong."""

from collections.abc import Iterator

import pytest

from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline_tests.support.plain import products_in
from awin_medusa_pipeline_tests.tools.chaos.judge import Findings
from awin_medusa_pipeline_tests.tools.chaos.laboratory import Laboratory
from awin_medusa_pipeline_tests.tools.chaos.trouble import (
    Trouble,
    answer_strangely,
    contend,
    kill_shop,
    kill_sync,
    repeated,
    restore_shop,
    restore_store,
    spoil_requests,
    stop_sync,
)

SEED = 7


@pytest.fixture(scope="module")
def laboratory(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with Laboratory(sandbox, tmp_path_factory.mktemp("chaos"), offers=30).open() as laboratory:
        laboratory.prepare()
        yield laboratory


@pytest.mark.parametrize(
    ("trouble", "times"),
    [
        (kill_sync, 3),
        (kill_shop, 1),
        (spoil_requests, 1),
        (stop_sync, 1),
        (contend, 1),
        (answer_strangely, 1),
        (restore_shop, 1),
        (restore_store, 1),
    ],
    ids=[
        "sync killed",
        "shop killed",
        "requests spoilt",
        "sync stopped past its lease",
        "two syncs at once",
        "strange answers",
        "shop of yesterday",
        "store of yesterday",
    ],
)
def test_trouble_leaves_nothing(laboratory: Laboratory, trouble: Trouble, times: int) -> None:
    *_, report = repeated(laboratory, trouble, times, SEED, one_more_sync=trouble is not spoil_requests)
    assert (report.times, report.findings, report.seeds) == (times, Findings(), [])


def test_the_judge_sees_what_is_wrong(laboratory: Laboratory) -> None:
    morning = laboratory.mornings[-1]
    laboratory.begin(morning)
    assert laboratory.sync(morning.feed) == 0
    assert laboratory.judge(morning) == Findings()
    products = products_in(laboratory.sandbox.shop)
    gone, bare, drafted, *_ = (p for p in products.values() if len(p["variants"]) == 1 and p["status"] == "published")
    with laboratory.sandbox.shop.client() as client:
        client.delete(f"/admin/products/{gone['id']}").raise_for_status()
        client.delete(f"/admin/products/{bare['id']}/variants/{bare['variants'][0]['id']}").raise_for_status()
        client.post(f"/admin/products/{drafted['id']}", json={"status": "draft"}).raise_for_status()
        twin = {"title": "Twin", "external_id": drafted["external_id"], "options": [{"title": "Size", "values": ["S"]}]}
        client.post("/admin/products", json=twin).raise_for_status()
        client.post("/admin/inventory-items", json={"sku": "nobody's"}).raise_for_status()
    found = laboratory.judge(morning)
    assert (found.missing, found.different, found.duplicates, found.half_made) == (2, 1, 1, 2)
    assert found.orphans >= 1
