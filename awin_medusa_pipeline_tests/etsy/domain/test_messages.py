"""The words about Etsy jobs: what a person must read before they confirm, and after."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.messages import Message, message_payload
from awin_medusa_pipeline.etsy.domain import messages
from awin_medusa_pipeline.etsy.domain.messages import ConfirmationRequest
from awin_medusa_pipeline.etsy.domain.plan import PlanCounts
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline_tests.support.payloads import said, within_limits

JOB, URL = "etsy_0123456789ab", "http://localhost:3000/runs/abc"
COUNTS = PlanCounts(create=2, update=1, deactivate=1, nothing=3, refuse=4, publish=2)
DAY_OVER = PermanentError("GET /x at Etsy", "the day is over", "Run it again tomorrow.")
REVOKED = PermanentError("Renewing the tokens", "revoked", "Connect it again.", action=Action.CONNECT_ETSY)


def request(**values: Any) -> Message:
    known: dict[str, Any] = {
        "shop": "Lamps & <Co>",
        "transaction_id": JOB,
        "expires_at": datetime(2026, 11, 21, 4, 5, tzinfo=UTC),
        "counts": COUNTS,
        "fees": Decimal("0.40"),
    }
    return ConfirmationRequest(**(known | values)).message


MESSAGES = [
    (request(), ["Lamps &amp; &lt;Co&gt;: 7 products for your confirmation", "fees: at most 0.40 USD"]),
    (request(), ["2 to create, 1 to update, 1 to take out of sale, 3 unchanged, 2 to publish."]),
    (request(), [f"Confirm it until 2026-11-21 04:05 UTC: awin-medusa etsy confirm {JOB}"]),
    (request(), [f"To drop it: awin-medusa etsy reject {JOB}"]),
    (request(fees=Decimal(0)), ["No listing fee: nothing is published."]),
    (
        request(refused=["Lamp: no price."], notes=["Mug: Title: cut."]),
        ["Refused: Lamp: no price.", "Mug: Title: cut."],
    ),
    (request(refused=[f"Lamp {n}: no price." for n in range(30)]), ["Refused: Lamp 9", "Refused: ... and 20 more"]),
    (request(notes=["<&>" * 3000] * 100), ["shortened", f"confirm {JOB}", f"reject {JOB}"]),
    (
        messages.started_message("Lamps", JOB, 1, attempt=1, url=URL),
        ["Lamps: 1 product on the way", "abc|Open run"],
    ),
    (messages.started_message("Lamps", JOB, 2, attempt=2, url=URL), ["2 products on the way, try 2"]),
    (messages.started_message("Lamps", JOB, 2, attempt=3, url=URL), ["2 products on the way, try 3"]),
    (
        messages.finished_message("Lamps", JOB, ["synced", "unchanged", "synced"], url=URL),
        [":white_check_mark:", "Lamps: 2 synced, 1 unchanged", JOB],
    ),
    (
        messages.finished_message(
            "Lamps", JOB, ["synced", "failed"], failures=["Lamp: Etsy said no."], stopped=DAY_OVER, url=URL
        ),
        [
            ":warning:",
            "1 synced, 1 failed",
            "Lamp: Etsy said no.",
            "stopped: GET /x at Etsy: the day is over.",
            f"retry {JOB}",
        ],
    ),
    (
        messages.finished_message("Lamps", JOB, ["failed"], stopped=REVOKED, url=URL),
        ["It was stopped: Renewing the tokens: revoked. Connect it again: awin-medusa etsy connect", f"retry {JOB}"],
    ),
    (messages.expired_message("Lamps", JOB, 2), ["confirmation timed out", "2 products stay as they were"]),
    (messages.died_message("Lamps", JOB, "Its run ended."), ["died", "Its run ended.", f"retry {JOB}"]),
    (messages.refused_message("Lamps", ["Lamp: no price."]), ["Etsy would refuse the change", "Lamp: no price."]),
]


@pytest.mark.parametrize(("message", "words"), MESSAGES)
def test_what_is_told(message: Message, words: list[str]) -> None:
    payload = message_payload(message, command)
    assert [text for text in words if text not in said(payload)] == []
    # What phones show, and what is left when Slack refuses the blocks.
    assert [text for text in words if not text.startswith(":") and text not in payload["text"]] == []
    assert within_limits(payload)


@pytest.mark.parametrize(
    ("number", "last"), [(1, "- 0"), (10, "- 9"), (11, "- ... and 1 more"), (12, "- ... and 2 more")]
)
def test_ten_lines_and_how_many_more(number: int, last: str) -> None:
    assert messages.shorten("- ", [str(place) for place in range(number)])[-1] == last
