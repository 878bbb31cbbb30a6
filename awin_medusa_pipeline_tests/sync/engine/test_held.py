"""What waits and what goes on: bundles that are held whole, and rows that no longer hold in the shop."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from awin_medusa_pipeline.core.errors import TransientError
from awin_medusa_pipeline.sync.domain.operations import Bundle, Kind, NotSent, Operation, Status
from awin_medusa_pipeline.sync.engine.breaker import Breaker
from awin_medusa_pipeline.sync.engine.held import without, without_stale

Json = Mapping[str, Any]


class ReadShop:
    """A writer that has only to be asked what the shop shows; None: it does not answer."""

    kind, per_request = Kind.STOCK, 200

    def __init__(self, shown: Mapping[str, Json] | None) -> None:
        self.shown = shown

    def read(self, operations: Sequence[Operation]) -> Mapping[str, Json]:
        if self.shown is None:
            raise TransientError("GET http://shop", "HTTP 500", "Look at the log.")
        return self.shown

    def look_up(self, operations: Sequence[Operation]) -> Mapping[str, str | None]:
        raise AssertionError("nothing was sent")

    def send(self, bundles: Sequence[Bundle]) -> Mapping[str, str | None]:
        raise AssertionError("nothing is to be sent")


def bundle(keys: str, *, body: bool, before: Json | None = None) -> Bundle:
    return Bundle(tuple(Operation(key, {"level": 9}, before) for key in keys), {"x": 1} if body else {})


def outcome(plan: Iterable[Bundle | NotSent]) -> tuple[list[str], dict[str, tuple[Status, str]]]:
    """Keys of each bundle that goes on; status and reason of the operations that stay."""
    going, staying = [], {}
    for item in plan:
        if isinstance(item, Bundle):
            going.append("".join(one.key for one in item.operations))
        else:
            staying[item.operation.key] = (item.status, item.reason)
    return going, staying


@pytest.mark.parametrize(
    ("keys", "body", "held", "going", "staying"),
    [
        pytest.param("ab", True, "", ["ab"], "", id="nothing held"),
        pytest.param("ab", True, "a", [], "ab", id="what shares a body stays together"),
        pytest.param("ab", False, "a", ["b"], "a", id="without a body the rest goes on"),
        pytest.param("ab", False, "ab", [], "ab", id="all of it"),
        pytest.param("ab", True, "c", ["ab"], "", id="another's key"),
    ],
)
def test_without(keys: str, body: bool, held: str, going: list[str], staying: str) -> None:
    plan = [bundle(keys, body=body), NotSent(Operation("z", {}), "beyond the limit")]
    sent, left = outcome(without(plan, dict.fromkeys(held, "too many"), Status.HELD))
    assert sent == going
    assert left == {"z": (Status.SKIPPED, "beyond the limit")} | dict.fromkeys(staying, (Status.HELD, "too many"))


BEFORE = {"level": 3}
STALE = "stale: the shop shows {} where the plan had {'level': 3}"


@pytest.mark.parametrize(
    ("shown", "body", "going", "staying"),
    [
        pytest.param({"a": {"level": 3}, "b": {"level": 3, "other": 1}}, True, ["ab"], {}, id="as it was"),
        pytest.param({"a": {"level": 4}, "b": {"level": 3}}, False, ["b"], {"a": "{'level': 4}"}, id="changed"),
        pytest.param({"b": {"level": 3}}, False, ["b"], {"a": "None"}, id="gone"),
        pytest.param({"a": {}, "b": {"level": 3}}, False, ["b"], {"a": "{}"}, id="the field is gone"),
        pytest.param({"b": {"level": 3}}, True, [], {"a": "None", "b": "None"}, id="what shares a body stays together"),
    ],
)
def test_without_stale(shown: Mapping[str, Json], body: bool, going: list[str], staying: dict[str, str]) -> None:
    sent, left = outcome(without_stale([bundle("ab", body=body, before=BEFORE)], ReadShop(shown), Breaker()))
    assert sent == going
    reasons = {key: (Status.SKIPPED, STALE.replace("{}", state, 1)) for key, state in staying.items()}
    assert left == reasons


def test_a_shop_that_does_not_answer_gets_nothing() -> None:
    plan = [bundle("ab", body=False, before=BEFORE), NotSent(Operation("z", {}), "beyond the limit")]
    breaker = Breaker()
    sent, left = outcome(without_stale(plan, ReadShop(None), breaker))
    assert sent == []
    assert {key: status for key, (status, _) in left.items()} == {
        **dict.fromkeys("ab", Status.FAILED),
        "z": Status.SKIPPED,
    }
    assert left["a"][1] == "not sent: GET http://shop: HTTP 500. Look at the log."
    # And is not asked again, for any of the kinds.
    assert breaker.stopped == "GET http://shop: HTTP 500. Look at the log."
    shop = ReadShop({"a": BEFORE})
    assert outcome(without_stale([bundle("a", body=True, before=BEFORE)], shop, breaker))[0] == []


def test_what_had_nothing_before_is_never_stale() -> None:
    sent, _ = outcome(without_stale([bundle("a", body=True)], ReadShop({"a": {"level": 1}}), Breaker()))
    assert sent == ["a"]
