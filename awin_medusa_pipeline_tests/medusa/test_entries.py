"""Collections, categories and tags are made many at once, and one that Medusa refuses costs itself."""

import json
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import pytest

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import UnknownOutcomeError
from awin_medusa_pipeline.medusa.entries import CATEGORIES, COLLECTIONS, TAGS, Route, ensure
from awin_medusa_pipeline_tests.support.medusa_function import client_of
from awin_medusa_pipeline_tests.support.rig import Rig

Answer = Callable[[httpx.Request], httpx.Response]


def lists(made: list[str], runs: list[int], *, workflows: int = 200, after: bool = False, bad: str = "bad") -> Answer:
    """A shop's collections as the real one answers: one refused body refuses all that came with it.

    `workflows`: status of the route that makes many; `after`: it answers 502 once it has made them.
    """

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            asked = parse_qs(request.url.query.decode())["handle[]"]
            return httpx.Response(
                200, json={"collections": [{"handle": h, "id": f"c-{h}"} for h in asked if h in made]}
            )
        body = json.loads(request.content)
        many = "workflows-executions" in request.url.path
        bodies = body["input"].get("collections", []) if many else [body]
        if many and workflows != 200:
            return httpx.Response(workflows, json={"message": "closed"})
        if bodies:
            runs.append(len(bodies))
        if any(bad in one["handle"] for one in bodies):
            return httpx.Response(400, json={"message": "no"})
        made.extend(one["handle"] for one in bodies)
        if many and bodies and after:
            return httpx.Response(502)
        return httpx.Response(
            200, json={"collection": {"id": f"c-{made[-1]}"} if made else None, "acknowledgement": {}}
        )

    return answer


def bodies(*names: str) -> dict[str, dict[str, str]]:
    return {name: {"handle": name} for name in names}


def test_many_are_made_with_few_calls_and_those_there_are_left() -> None:
    made, runs = ["n7"], []  # type: tuple[list[str], list[int]]
    names = [f"n{number}" for number in range(450)]
    assert ensure(client_of(lists(made, runs)), COLLECTIONS, bodies(*names)) == {name: f"c-{name}" for name in names}
    assert (runs, sorted(made)) == ([200, 200, 49], sorted(names))


def test_one_that_is_refused_costs_itself(caplog: pytest.LogCaptureFixture) -> None:
    made: list[str] = []
    names = [*(f"n{number}" for number in range(20)), "bad"]
    found = ensure(client_of(lists(made, [])), COLLECTIONS, bodies(*names))
    assert set(found) == set(made) == set(names) - {"bad"}
    assert len(made) == len(set(made))
    assert "The products go without this." in caplog.text


def test_a_shop_that_runs_no_workflows_gets_a_call_each() -> None:
    made, runs = [], []  # type: tuple[list[str], list[int]]
    assert len(ensure(client_of(lists(made, runs, workflows=404)), COLLECTIONS, bodies("a", "b", "c"))) == 3
    assert runs == [1, 1, 1]


def test_what_was_made_although_the_answer_was_lost_is_found() -> None:
    made: list[str] = []
    assert len(ensure(client_of(lists(made, [], after=True)), COLLECTIONS, bodies("a", "b", "c"))) == 3
    assert sorted(made) == ["a", "b", "c"]


@pytest.mark.parametrize(("status", "error"), [(401, PermanentError), (502, UnknownOutcomeError)])
def test_a_fault_of_the_whole_shop_is_told(status: int, error: type[Exception]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and b'"handle"' in request.content:
            return httpx.Response(status)
        return httpx.Response(200, json={"collections": []})

    with pytest.raises(error):
        ensure(client_of(answer), COLLECTIONS, bodies("a", "b", "c"))


# From here on, the real Medusa.


@pytest.mark.parametrize("route", [COLLECTIONS, CATEGORIES, TAGS], ids=lambda route: str(route.name))
def test_entries_of_a_real_shop(route: Route, rig: Rig) -> None:
    def made(count: int) -> dict[str, dict[str, str]]:
        named = ((f"entry-{number}", f"Entry {number}") for number in range(count))
        return {key: {route.title: title, route.key: key} for key, title in named}

    first = ensure(rig.client, route, made(3))
    assert len(first) == 3
    more = ensure(rig.client, route, made(230))
    assert len(set(more.values())) == 230
    assert first.items() <= more.items()
    found = rig.get(f"/admin/{route.name}", fields=f"id,{route.key}", limit=500)[route.name.replace("-", "_")]
    assert {entry[route.key]: entry["id"] for entry in found if entry[route.key] in more} == more
