"""A shop in which something of every kind is wrong: what is planned, what is done, and what no run may touch."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sandbox.prefill import Case, Placed, prefill
from awin_medusa_pipeline.sync.engine.intake import whole_feed
from awin_medusa_pipeline_tests.support.pipeline import Finished, Json, Pipeline, pipeline_on
from awin_medusa_pipeline_tests.support.plain import level_of, state_of
from awin_medusa_pipeline_tests.support.summary import KINDS, OUTCOMES

OFFERS = 240
PREFILLED = "prefilled"
HIDDEN = {"awin_hidden_by_run", "awin_hidden_at"}


@dataclass(frozen=True)
class Prefilled:
    """The shop as every test here finds it."""

    placed: list[Placed]
    wanted: Mapping[str, int | None]
    """Level by offer key; None: unknown."""
    state: Json

    def of(self, case: Case) -> list[Placed]:
        found = [one for one in self.placed if one.case is case]
        assert found
        return found


@pytest.fixture(scope="module")
def prefilled(sandbox: Sandbox) -> Prefilled:
    sandbox.reset()
    feed = write_feed(sandbox.feed_file, offers=OFFERS)
    offers = whole_feed(feed.path, label="demo")
    placed = prefill(sandbox.shop, offers, limit=120)
    sandbox.snapshot(PREFILLED)
    never_filled = offers.filter(pl.col("in_stock").is_null().all().over("merchant_id"))["offer_key"]
    levels = {True: 10, False: 0, None: None}
    wanted = {key: levels[in_stock] for key, in_stock in offers.select("offer_key", "in_stock").iter_rows()}
    return Prefilled(placed, wanted | dict.fromkeys(never_filled, 10), state_of(sandbox.shop))


@dataclass(frozen=True)
class Story:
    """A dry run, the run itself, one that brings in line what was adopted, and the same run again."""

    dry: Finished
    after_dry: Json
    real: Finished
    after: Json
    next_day: Finished
    after_next_day: Json
    again: Finished
    after_again: Json
    slack: list[Json]


@pytest.fixture(scope="module")
def story(sandbox: Sandbox, prefilled: Prefilled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    sandbox.reset(PREFILLED)
    with pipeline_on(sandbox, tmp_path_factory.mktemp("prefilled") / "home") as pipeline:
        dry, after_dry = pipeline.run(dry_run=True), state_of(sandbox.shop)
        real, after = pipeline.run(), state_of(sandbox.shop)
        next_day, after_next_day = pipeline.run(), state_of(sandbox.shop)
        again, after_again = pipeline.run(), state_of(sandbox.shop)
        states = (after, next_day, after_next_day, again, after_again)
        yield Story(dry, after_dry, real, *states, sandbox.slack_messages())


@pytest.fixture
def again(sandbox: Sandbox, prefilled: Prefilled, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline on the shop as it was filled."""
    sandbox.reset(PREFILLED)
    with pipeline_on(sandbox, tmp_path / "home") as pipeline:
        yield pipeline


def statuses(finished: Finished) -> dict[str, dict[str, int]]:
    summary = finished.summary
    return {kind: {name: number for name, number in summary[kind].items() if number} for kind in KINDS}


def test_every_table_has_rows_and_every_kind_is_applied(story: Story) -> None:
    summary = story.real.summary
    tables = ["missing_in_medusa", "medusa_only", "returning", "stock_mismatches", "price_mismatches", "loose_matches"]
    tables += ["content_mismatches", "content_kept"]
    assert all(summary[name] > 0 for name in (*tables, "rejected_rows", "hidden_by_hand"))
    assert all(summary["matched_by"].values())
    assert all(summary[kind]["applied"] > 0 and summary[kind]["failed"] == 0 for kind in KINDS)


def test_dry_run_plans_the_same_and_sends_nothing(story: Story, prefilled: Prefilled) -> None:
    assert story.after_dry == prefilled.state
    dry, real = story.dry.summary, story.real.summary
    assert (dry["dry_run"], real["dry_run"]) == (True, False)
    for kind in KINDS:
        assert dry[kind]["planned"] == dry[kind]["skipped"] + dry[kind]["held"] == real[kind]["planned"]
        plans = [{(line["key"], line["target"] or "") for line in run.log(kind)} for run in (story.dry, story.real)]
        assert {key for key, _ in plans[0]} == {key for key, _ in plans[1]}
        would_send = [line["key"] for line in story.dry.log(kind) if line["error"] == "dry run"]
        assert set(would_send) == {line["key"] for line in story.real.log(kind) if line["status"] == "applied"}
    assert "(dry run, nothing was changed)" in story.slack[0]["text"]
    assert "dry run" not in story.slack[1]["text"]


def test_what_was_adopted_is_brought_in_line_and_then_nothing_is_written(story: Story, prefilled: Prefilled) -> None:
    adopted = {line["key"] for line in story.real.log("adopt") if line["status"] == "applied"}
    done = [line for kind in KINDS for line in story.next_day.log(kind) if line["status"] == "applied"]
    assert {line["key"] for line in done} <= adopted
    assert story.after_again == story.after_next_day
    summary = story.again.summary
    for kind in KINDS:
        assert {summary[kind][name] for name in OUTCOMES if name not in ("skipped", "held")} == {0}
    # What is held back stays in the tables until a person decides.
    assert summary["import"]["skipped"] == len({line["key"] for line in story.again.log("import")}) > 0
    assert summary["loose_matches"] == story.real.summary["loose_matches"]


# --- how each case ends ---


def present(before: Json, after: Json, one: Placed, run: str) -> None:
    assert after == before


def imported(before: Json | None, after: Json, one: Placed, run: str) -> None:
    assert before is None
    assert (after["status"], after["external_id"]) == ("published", one.product_key)


def adopted(before: Json, after: Json, one: Placed, run: str) -> None:
    """Two signs agree: it gets our key and nothing else."""
    (was,), (now,) = before["variants"], after["variants"]
    assert after["external_id"] == one.product_key
    assert now["metadata"] == {"awin_offer_key": one.offer_keys[0]}
    assert {name: now[name] for name in ("sku", "barcode", "prices")} == {
        name: was[name] for name in ("sku", "barcode", "prices")
    }
    for name in ("title", "status", "metadata"):
        assert after[name] == before[name]


def level(before: Json, after: Json, one: Placed, run: str) -> None:
    """Only its level may change."""
    for name in ("title", "status", "external_id", "metadata", "updated_at"):
        assert after[name] == before[name]


def price(before: Json, after: Json, one: Placed, run: str) -> None:
    """The same prices by their ids, with another amount."""
    for old, new in zip(before["variants"], after["variants"], strict=True):
        (was,), (now,) = old["prices"], new["prices"]
        assert now["amount"] < was["amount"]
        assert {**now, "amount": was["amount"]} == was


def no_text(before: Json, after: Json, one: Placed, run: str) -> None:
    assert before["description"] is None
    assert after["description"]
    own = ("description", "updated_at")
    assert {name: value for name, value in after.items() if name not in own} == {
        name: value for name, value in before.items() if name not in own
    }


def returning(before: Json, after: Json, one: Placed, run: str) -> None:
    assert set(before["metadata"]) >= HIDDEN
    assert (after["status"], HIDDEN & set(after["metadata"])) == ("published", set())
    assert after["metadata"] == {name: value for name, value in before["metadata"].items() if name not in HIDDEN}


def hidden_by_hand(before: Json, after: Json, one: Placed, run: str) -> None:
    assert before["status"] == after["status"] == "draft"
    assert after["updated_at"] == before["updated_at"]


def left_feed(before: Json, after: Json, one: Placed, run: str) -> None:
    (gone,) = (v for v in after["variants"] if v["sku"].endswith("-OLD"))
    assert level_of(gone) == 0
    assert after["status"] == "published"


def gone(before: Json, after: Json, one: Placed, run: str) -> None:
    assert (before["status"], after["status"]) == ("published", "draft")
    assert after["metadata"]["awin_hidden_by_run"] == run
    assert "T" in after["metadata"]["awin_hidden_at"]


ENDS: dict[Case, Callable[[Any, Json, Placed, str], None]] = {
    Case.PRESENT: present,
    Case.MISSING: imported,
    Case.BY_SKU: adopted,
    # The made-up feed's GTINs are for use inside a company (GS1), so they prove nothing, and a person is asked.
    Case.BY_GTIN: present,
    Case.BY_HANDLE: present,
    Case.LEVEL: level,
    Case.NO_LEVEL: level,
    Case.PRICE: price,
    Case.NO_TEXT: no_text,
    Case.TITLE: present,
    Case.RETURNING: returning,
    Case.HIDDEN_BY_HAND: hidden_by_hand,
    Case.LOOSE: present,
    Case.LEFT_FEED: left_feed,
    Case.GONE: gone,
    Case.MEDUSA_ONLY: present,
}


@pytest.mark.parametrize("case", Case)
def test_how_each_case_ends(story: Story, prefilled: Prefilled, case: Case) -> None:
    before, after = prefilled.state["products"], story.after["products"]
    for one in prefilled.of(case):
        ENDS[case](before.get(one.handle), after[one.handle], one, story.real.run_id)


def test_levels_are_the_feeds_wherever_it_says_one(story: Story, prefilled: Prefilled) -> None:
    checked: Counter[str] = Counter()
    for one in prefilled.placed:
        if one.case in (Case.LOOSE, Case.BY_GTIN, Case.BY_HANDLE, Case.GONE, Case.MEDUSA_ONLY):
            continue
        before = prefilled.state["products"].get(one.handle)
        for position, key in enumerate(one.offer_keys):
            variants = story.after_next_day["products"][one.handle]["variants"]
            (variant,) = [v for v in variants if (v["metadata"] or {}).get("awin_offer_key") == key]
            wanted = prefilled.wanted[key]
            if wanted is None:
                kept = 0 if before is None else level_of(before["variants"][position])
                assert level_of(variant) == kept, one
                checked["unknown"] += 1
            else:
                assert level_of(variant) == wanted, one
                checked["known"] += 1
    assert checked["known"]
    assert checked["unknown"]


def test_loose_pairs_wait_for_a_person(story: Story, prefilled: Prefilled) -> None:
    made = {product["external_id"] for product in story.after["products"].values()}
    for one in prefilled.of(Case.LOOSE):
        assert one.product_key not in made
    waiting = {key for one in prefilled.of(Case.LOOSE) for key in one.offer_keys}
    lines = {line["key"]: line for line in story.real.log("import")}
    assert all(lines[key]["status"] == "skipped" and "SYNC_LOOSE_MATCHES" in lines[key]["error"] for key in waiting)


def test_loose_pairs_are_as_any_other_when_told_so(again: Pipeline, sandbox: Sandbox, prefilled: Prefilled) -> None:
    again.environment.setenv("SYNC_LOOSE_MATCHES", "ignore")
    summary = again.run().summary
    assert summary["import"]["applied"] == summary["missing_in_medusa"]
    of_ours, own = len(prefilled.of(Case.GONE)), [*prefilled.of(Case.LOOSE), *prefilled.of(Case.MEDUSA_ONLY)]
    assert (summary["hide"]["applied"], summary["hide"]["held"]) == (of_ours, len(own))
    made = {product["external_id"]: product for product in state_of(sandbox.shop)["products"].values()}
    for one in prefilled.of(Case.LOOSE):
        assert made[one.product_key]["status"] == "published"


# --- each job does its part, and no other ---


def keys_of(product: Json) -> Json:
    return {variant["id"]: (variant["metadata"] or {}).get("awin_offer_key") for variant in product["variants"]}


def changed(before: Json, after: Json) -> dict[str, int]:
    """How many products were made, hidden, restored or described, and how many keys, levels and prices set."""
    counts: Counter[str] = Counter()
    old, new = before["products"], after["products"]
    counts["import"] = sum(
        len(product["variants"]) - len(old.get(handle, {"variants": ()})["variants"]) for handle, product in new.items()
    )
    for handle, product in old.items():
        became = (product["status"], new[handle]["status"])
        counts["hide"] += became == ("published", "draft")
        counts["restore"] += became == ("draft", "published")
        keys = [
            {v["id"]: (v["metadata"] or {}).get("awin_offer_key") for v in one["variants"]}
            for one in (product, new[handle])
        ]
        counts["adopt"] += sum(key != keys[1][id_] for id_, key in keys[0].items())
        levels = {v["id"]: level_of(v) for v in new[handle]["variants"]}
        counts["stock"] += sum(level_of(v) != levels[v["id"]] for v in product["variants"])
        prices = prices_of(new[handle])
        counts["price"] += sum(now != prices[id_] for id_, now in prices_of(product).items())
        counts["content"] += product["description"] != new[handle]["description"]
    return {kind: number for kind, number in counts.items() if number}


def test_the_daily_job_does_all_of_it(story: Story, prefilled: Prefilled) -> None:
    summary = story.real.summary
    assert changed(prefilled.state, story.after) == {kind: summary[kind]["applied"] for kind in KINDS}


@pytest.mark.parametrize(
    ("job", "kinds"),
    [
        ("detect_discrepancies_job", []),
        ("import_missing_job", ["import"]),
        ("hide_medusa_only_job", ["hide"]),
        ("reconcile_stock_job", ["stock"]),
    ],
)
def test_a_single_job_does_its_part_alone(
    again: Pipeline, sandbox: Sandbox, prefilled: Prefilled, story: Story, job: str, kinds: list[str]
) -> None:
    finished = again.run(job)
    everything = statuses(story.real)
    assert statuses(finished) == {kind: everything[kind] if kind in kinds else {} for kind in KINDS}
    after = state_of(sandbox.shop)
    assert changed(prefilled.state, after) == {kind: everything[kind]["applied"] for kind in kinds}
    if not kinds:
        assert after == prefilled.state
    assert (finished.summary["job"], finished.summary["dry_run"]) == (job, False)


def test_a_pilot_imports_ten_products(again: Pipeline, sandbox: Sandbox, prefilled: Prefilled) -> None:
    finished = again.run("pilot_import_job")
    after = state_of(sandbox.shop)
    new = set(after["products"]) - set(prefilled.state["products"])
    assert len(new) == 10
    lines = finished.log("import")
    imported = {line["after"]["product_key"] for line in lines if line["status"] == "applied"}
    assert imported == {after["products"][handle]["external_id"] for handle in new}
    beyond = [line for line in lines if line["error"] == "beyond the limit of 10"]
    assert finished.summary["import"] == {
        "planned": len(lines),
        "applied": changed(prefilled.state, after)["import"],
        "skipped": len(lines) - changed(prefilled.state, after)["import"],
        "unchanged": 0,
        "held": 0,
        "failed": 0,
    }
    assert beyond
    # The next sync goes on with the rest.
    rest = again.run("import_missing_job")
    assert {line["key"] for line in rest.log("import") if line["status"] == "applied"} == {
        line["key"] for line in beyond
    }


def prices_of(product: Json) -> Json:
    return {variant["id"]: variant["prices"] for variant in product["variants"]}


def test_limit_concerns_every_kind(again: Pipeline, sandbox: Sandbox, prefilled: Prefilled) -> None:
    summary = again.run(dry_run=False, limit=1).summary
    assert {kind: summary[kind]["applied"] for kind in KINDS if kind not in ("import", "price")} == {
        "adopt": 1,
        "hide": 1,
        "restore": 1,
        "stock": 1,
        "content": 1,
    }
    after = state_of(sandbox.shop)
    assert (
        len([p for h, p in prefilled.state["products"].items() if prices_of(p) != prices_of(after["products"][h])]) == 1
    )
    assert len(set(after["products"]) - set(prefilled.state["products"])) == 1
