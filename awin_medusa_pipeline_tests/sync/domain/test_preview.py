"""The page about a run: what would become of which product, with the sentence that matters first."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from awin_medusa_pipeline.medusa.shapes import HIDDEN_BY_RUN, OFFER_KEY
from awin_medusa_pipeline.sync.domain.operations import DRY_RUN, Kind, Operation, Status
from awin_medusa_pipeline.sync.domain.preview import EXAMPLES, example, page

Fate = tuple[Status, str | None, int]


def summary(kind: Kind, *fates: Fate, title: str = "Kettle") -> dict[str, Any]:
    """A kind's summary file with operations of these fates, each of which sets a level or hides."""
    after = {"status": "draft"} if kind is Kind.HIDE else {"level": 10}
    before = {"status": "published"} if kind is Kind.HIDE else {"level": 3}
    reasons: dict[str, dict[str, int]] = {}
    for status, reason, number in fates:
        if reason:
            reasons.setdefault(status, {})[reason] = number
    counts = Counter[Status]()
    for status, _, number in fates:
        counts[status] += number
    examples = [
        {"status": status, "reason": reason, **example(kind, Operation("k", after, before, title=f"{title} {place}"))}
        for status, reason, number in fates
        for place in range(min(number, EXAMPLES))
    ]
    return {"kind": kind, "planned": counts.total(), **dict(counts), "reasons": reasons, "examples": examples}


@pytest.mark.parametrize(
    ("kind", "before", "after", "told"),
    [
        (Kind.ADOPT, {OFFER_KEY: None, "external_id": None}, {OFFER_KEY: "awin:1:a"}, ("no key", "awin:1:a")),
        (Kind.IMPORT, None, {"price": "12.00", "currency": "gbp", "level": 10}, ("", "12 GBP, 10 in stock")),
        (Kind.HIDE, {"status": "published"}, {"status": "draft", HIDDEN_BY_RUN: "r"}, ("published", "draft")),
        (Kind.RESTORE, {"status": "draft"}, {"status": "published"}, ("draft", "published")),
        (Kind.STOCK, {"level": None}, {"level": 0}, ("no level", "0 in stock")),
        (
            Kind.PRICE,
            {"price": None, "currency": "gbp"},
            {"price": "9.5", "currency": "gbp"},
            ("no price", "9.5 GBP"),
        ),
        (Kind.CONTENT, {"title": "Old"}, {"title": "New"}, ("title Old", "title New")),
        (Kind.CONTENT, {"images": []}, {"images": ["a", "a", "b"], "feed": {}}, ("images 0", "images 2")),
        (Kind.CONTENT, {"category": ["lamps"]}, {"category": []}, ("category lamps", "category none")),
    ],
)
def test_before_and_after_are_words(
    kind: Kind, before: dict[str, Any] | None, after: dict[str, Any], told: tuple[str, str]
) -> None:
    found = example(kind, Operation("key", after, before))
    assert (found["before"], found["after"]) == told
    assert found["title"] == "key", "where no title is known"


@pytest.mark.parametrize(
    ("summaries", "lines"),
    [
        ([], ["Nothing to do: zero writes."]),
        ([summary(Kind.STOCK)], ["Nothing to do: zero writes."]),
        (
            [summary(Kind.STOCK, (Status.SKIPPED, DRY_RUN, 1))],
            ["set stock: 1", "  Kettle 0                                      3 in stock -> 10 in stock"],
        ),
        (
            [summary(Kind.HIDE, (Status.HELD, "never in a feed", 1))],
            [
                "hide: 1 held: never in a feed",
                "  Kettle 0                                      published -> draft",
            ],
        ),
        ([summary(Kind.STOCK, (Status.SKIPPED, "your decision", 3))], ["set stock: 3 skipped: your decision"]),
        (
            [summary(Kind.STOCK, (Status.APPLIED, None, 1), title="a\n\tb\x1b")],
            ["set stock: 1 applied", "  a b 0                                         3 in stock -> 10 in stock"],
        ),
    ],
)
def test_page(summaries: Sequence[dict[str, Any]], lines: list[str]) -> None:
    assert page(summaries) == lines


def test_ten_examples_and_how_many_more_in_the_order_of_the_kinds() -> None:
    stock = summary(Kind.STOCK, (Status.SKIPPED, DRY_RUN, 1_300), title="x" * 60)
    hide = summary(Kind.HIDE, (Status.HELD, "too many", 3), (Status.SKIPPED, DRY_RUN, 12))
    lines = page([stock, hide], in_no_feed=15)
    assert lines[0] == "15 published products are in no feed."
    heads = [line for line in lines[2:] if not line.startswith("  ")]
    assert heads == ["hide: 12", "hide: 3 held: too many", "set stock: 1,300"]
    assert lines[-1] == "  and 1,290 more (see stock-log.ndjson)"
    assert lines[-2].startswith(f"  {'x' * 43}…  3 in stock")
