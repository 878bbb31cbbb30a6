"""Does in the Dagster UI what a person does there, by the same requests: launches jobs, and waits for runs."""

import time
from collections.abc import Mapping
from typing import Any

import httpx

from awin_medusa_pipeline.defs.services import LOCATION

LAUNCH = """mutation ($run: ExecutionParams!) { launchRun(executionParams: $run) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } } }"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
NEWEST = """query ($of: RunsFilter!) { runsOrError(filter: $of, limit: 1) {
  ... on Runs { results { runId status } } } }"""
SHOWN = """query ($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
  assetMaterializations(limit: 1) { metadataEntries {
    label ... on TextMetadataEntry { text } ... on TableMetadataEntry { table { records } } } } } } }"""
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
Json = dict[str, Any]


class DagsterClient:
    """A Dagster UI at an address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def launch(self, job: str, **ops: Mapping[str, Any]) -> str:
        """Launch a job as its launchpad does, with the config of its ops, and wait for its end; its run's id.

        Raises RuntimeError when it fails.
        """
        selector = {"pipelineName": job, "repositoryName": "__repository__", "repositoryLocationName": LOCATION}
        config = {"ops": {op: {"config": dict(values)} for op, values in ops.items()}} if ops else {}
        tags = [{"key": "dagster/from_ui", "value": "true"}]
        run = {"selector": selector, "runConfigData": config, "executionMetadata": {"tags": tags}}
        answer = self._ask(LAUNCH, run=run)["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(f"{job} was not launched: {answer}")
        run_id = str(answer["run"]["runId"])
        while (status := self._ask(STATUS, run=run_id)["runOrError"]["status"]) not in ENDED:
            time.sleep(0.5)
        if status != "SUCCESS":
            raise RuntimeError(f"{job} ended as {status.lower()}: {self._address}/runs/{run_id}")
        return run_id

    def newest_run(self, job: str, **tags: str) -> str | None:
        """The newest run of a job that has ended; None while there is none."""
        of = {"pipelineName": job, "tags": [{"key": key, "value": value} for key, value in tags.items()]}
        found = self._ask(NEWEST, of=of)["runsOrError"]["results"]
        return str(found[0]["runId"]) if found and found[0]["status"] in ENDED else None

    def next_run(self, job: str, after: str | None, seconds: float = 120) -> str:
        """Wait until a sensor has had a job run, anew since the run `after`. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if (found := self.newest_run(job)) not in (None, after):
                return str(found)
            time.sleep(1)
        raise TimeoutError(f"No sensor has started {job} in {seconds:,.0f} s.")

    def shown(self, asset: str) -> Json:
        """Metadata of an asset's last materialisation: texts and tables by label."""
        (made,) = self._ask(SHOWN, key={"path": [asset]})["assetOrError"]["assetMaterializations"]
        return {entry["label"]: entry.get("text") or entry.get("table") for entry in made["metadataEntries"]}

    def _ask(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self._address}/graphql", json=body, timeout=60).raise_for_status().json()
        if "errors" in answer:
            raise RuntimeError(answer["errors"][0]["message"])
        return answer["data"]
