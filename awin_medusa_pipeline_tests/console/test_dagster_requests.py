"""What a person does in Dagster's UI carries their name, and is kept with the other decisions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awin_medusa_pipeline.console.dagster_requests import about, sign
from awin_medusa_pipeline.console.door import LARGEST_BODY
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline_tests.support.console import Installation, graphql_stub, installation

SAME = {"sec-fetch-site": "same-origin"}
SELECTOR = {"jobName": "daily_sync_job", "repositoryName": "__repository__"}


@pytest.fixture
def guarded(tmp_path: Path, migrated_file: Path) -> Iterator[tuple[Installation, list[Any]]]:
    stub, reached = graphql_stub()
    with installation(tmp_path / "home", stub, store=migrated_file) as found:
        yield found, reached


def test_a_launch_carries_the_name_of_who_is_logged_in(guarded: tuple[Installation, list[Any]]) -> None:
    found, reached = guarded
    tags = [{"key": "user", "value": "somebody else"}, {"key": "a", "value": "b"}]
    params = {"selector": SELECTOR, "executionMetadata": {"tags": tags}}
    body = {
        "operationName": "LaunchPipelineExecution",
        "query": "mutation LaunchPipelineExecution($executionParams: ExecutionParams!) { x }",
        "variables": {"executionParams": params},
    }
    assert found.person(**SAME).post("/dagster/graphql", json=body).is_success
    (sent,) = [json.loads(one["body"]) for one in reached]
    wanted = [{"key": "a", "value": "b"}, {"key": "user", "value": "anna"}]
    assert sent["variables"]["executionParams"]["executionMetadata"]["tags"] == wanted
    (entry,) = Audit(found.app.database).newest(5)
    assert (entry.who, entry.via, entry.address) == ("anna", "dagster", "127.0.0.1")
    assert (entry.action, entry.target) == ("Dagster: LaunchPipelineExecution", "daily_sync_job")


@pytest.mark.parametrize(
    "query", ["query Mutation { mutation }", "{ mutation }", "subscription { x }", "not graphql ("]
)
def test_a_question_is_passed_on_as_it_is_and_not_kept(guarded: tuple[Installation, list[Any]], query: str) -> None:
    found, reached = guarded
    body = {"query": query, "variables": {"a": "ü"}}
    assert found.person(**SAME).post("/dagster/graphql", json=body).is_success
    assert [json.loads(one["body"]) for one in reached] == [body]
    assert Audit(found.app.database).newest(5) == []


def test_a_mutation_among_questions_is_kept(guarded: tuple[Installation, list[Any]]) -> None:
    found, _ = guarded
    query = "query A { a } # mutation\nmutation B { stopRunningSchedule }"
    found.person(**SAME).post("/dagster/graphql", json={"query": query})
    assert [entry.action for entry in Audit(found.app.database).newest(5)] == ["Dagster: mutation"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"scheduleSelector": {"scheduleName": "daily", "repositoryName": "r"}}, "daily"),
        ({"runId": "0a1b"}, "0a1b"),
        ({"executionParamsList": [{"selector": SELECTOR}]}, "daily_sync_job"),
        ({}, ""),
        ({"selector": {"jobName": None, "name": "x"}}, "x"),
    ],
)
def test_what_a_mutation_is_about(variables: dict[str, Any], named: str) -> None:
    assert about(variables) == named


def test_every_launch_of_a_list_is_signed() -> None:
    asked = {"variables": {"list": [{"executionMetadata": {"tags": None}}, {"executionMetadata": {}}]}}
    sign(asked, "anna")
    signed = {"tags": [{"key": "user", "value": "anna"}]}
    assert asked["variables"]["list"] == [{"executionMetadata": signed}, {"executionMetadata": signed}]


def test_a_body_that_is_too_large_is_refused_before_dagster_sees_it(guarded: tuple[Installation, list[Any]]) -> None:
    found, reached = guarded
    body = json.dumps({"query": "mutation { x }", "variables": {"a": "x" * LARGEST_BODY}})
    headers = SAME | {"content-type": "application/json"}
    assert found.person(**headers).post("/dagster/graphql", content=body).status_code == 413
    assert reached == []
