"""The form that Dagster opens for each job, as its web server asks for it: over the real GraphQL schema."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_graphql.schema import create_schema
from dagster_shared.yaml_utils import load_run_config_yaml

from awin_medusa_pipeline.defs.services import LOCATION

JOBS = (
    *("detect_discrepancies_job", "daily_sync_job", "pilot_import_job", "import_missing_job"),
    *("hide_medusa_only_job", "reconcile_stock_job", "undo_run_job", "retention_job"),
    *("approve_plan_job", "reject_plan_job"),
    *("etsy_request_job", "etsy_sync_job", "etsy_daily_job", "etsy_sales_job", "etsy_tidy_job"),
    *("etsy_confirm_job", "etsy_reject_job", "etsy_retry_job"),
)
pytestmark = pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
NOTHING_TO_FILL_IN = {"retention_job", "etsy_sales_job", "etsy_tidy_job"}
FORM = """
query ($job: PipelineSelector!) {
  runConfigSchemaOrError(selector: $job) {
    ... on RunConfigSchema {
      rootDefaultYaml
      rootConfigType { key }
      allConfigTypes { key ... on CompositeConfigType { fields { name description configTypeKey isRequired } } }
    }
    ... on PythonError { message }
  }
}
"""
VALID = """
query ($job: PipelineSelector!, $config: RunConfigData!) {
  isPipelineConfigValid(pipeline: $job, mode: "default", runConfigData: $config) {
    __typename
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


class WebServer:
    """What stands behind Dagster's pages."""

    def __init__(self, context: WorkspaceProcessContext) -> None:
        self._schema, self._context = create_schema(), context

    def ask(self, query: str, job: str, **variables: Any) -> Any:
        selector = {"pipelineName": job, "repositoryName": "__repository__", "repositoryLocationName": LOCATION}
        request = self._context.create_request_context()
        values = {"job": selector, **variables}
        answer = asyncio.run(self._schema.execute_async(query, context_value=request, variable_values=values))
        assert not answer.errors, answer.errors
        return answer.data

    def form(self, job: str) -> dict[str, Any]:
        """The form's schema and the text that it opens with."""
        found: dict[str, Any] = self.ask(FORM, job)["runConfigSchemaOrError"]
        return found


@pytest.fixture(scope="module")
def web_server() -> Iterator[WebServer]:
    target = LoadableTargetOrigin(module_name="awin_medusa_pipeline.definitions", attribute="defs")
    origin = InProcessCodeLocationOrigin(loadable_target_origin=target, location_name=LOCATION)
    with (
        dg.instance_for_test() as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as context,
    ):
        yield WebServer(context)


def fields_of(form: dict[str, Any], *path: str) -> dict[str, dict[str, Any]]:
    """The fields of a part of the form: by name."""
    types = {one["key"]: one.get("fields") or [] for one in form["allConfigTypes"]}
    key = form["rootConfigType"]["key"]
    for name in path:
        key = next((field["configTypeKey"] for field in types[key] if field["name"] == name), "Any")
    return {field["name"]: field for field in types[key]}


@pytest.mark.parametrize("job", JOBS)
def test_a_form_opens_with_every_field_and_can_be_launched_as_it_is(web_server: WebServer, job: str) -> None:
    form = web_server.form(job)
    opens_with: Any = load_run_config_yaml(form["rootDefaultYaml"])
    ops = opens_with.get("ops", {})
    assert (set(opens_with) == {"ops"}) is (job not in NOTHING_TO_FILL_IN)
    # Dagster lets an op without config take anything.
    configurable = {op for op in fields_of(form, "ops") if fields_of(form, "ops", op, "config")}
    assert set(ops) == configurable
    for op in configurable:
        fields = fields_of(form, "ops", op, "config")
        assert set(ops[op]["config"]) == set(fields), "a field that is not shown cannot be found"
        for name, field in fields.items():
            assert (field["description"] or "").rstrip().endswith("."), f"{op}.{name} says what it is for"
    said = web_server.ask(VALID, job, config=opens_with)["isPipelineConfigValid"]
    assert said["__typename"] == "PipelineConfigValidationValid", said


def test_no_job_is_left_out(web_server: WebServer) -> None:
    query = "query { repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"
    (repository,) = web_server.ask(query, "")["repositoriesOrError"]["nodes"]
    assert {job["name"] for job in repository["jobs"] if not job["name"].startswith("__")} == set(JOBS)


def test_what_was_written_for_earlier_versions_still_fits(web_server: WebServer) -> None:
    config = {"ops": {"imported_products": {"config": {"dry_run": False, "limit": None, "approve_plan": None}}}}
    said = web_server.ask(VALID, "import_missing_job", config=config)["isPipelineConfigValid"]
    assert said["__typename"] == "PipelineConfigValidationValid", said


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWIN_MEDUSA_HOME", str(path := tmp_path_factory.mktemp("home")))
        yield path
