"""The check of the values for Dagster's Helm chart sees what a chart does not take."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from awin_medusa_pipeline_tests.tools.helm_values import VALUES, faults, laid_over

OWN = {"runLauncher": {"type": "Celery", "config": {"replicas": 1}}, "labels": {}}
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "properties": {
        "runLauncher": {
            "properties": {
                "type": {"enum": ["Celery", "K8s"]},
                "config": {"properties": {"replicas": {"type": "integer"}}, "additionalProperties": False},
            }
        },
        "labels": {"$ref": "https://kubernetes.example/definitions.json#/labels"},
    },
}


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"runLauncher": {"type": "K8s"}, "labels": {"a": 1}}, []),
        ({"runLauncher": {"type": "Docker"}}, ["runLauncher.type: 'Docker' is not one of ['Celery', 'K8s']"]),
        ({"runLauncher": {"config": {"replica": 1}}}, ["runLauncher.config: Additional properties are not allowed"]),
        ({"runlauncher": {}}, ["runlauncher: the chart has no such value"]),
    ],
)
def test_what_the_chart_does_not_take(values: dict[str, Any], found: list[str], tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(OWN))
    (tmp_path / "values.schema.json").write_text(json.dumps(SCHEMA))
    told = list(faults(tmp_path, values))
    assert len(told) == len(found)
    assert all(one.startswith(start) for one, start in zip(told, found, strict=True))


def test_values_are_laid_over_as_helm_does() -> None:
    assert laid_over({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"c": [2]}}) == {"a": {"b": 1, "c": [2]}, "d": 1}


def test_a_run_is_begun_anew_as_with_celery() -> None:
    values = yaml.safe_load(VALUES.read_text())
    celery = yaml.safe_load((VALUES.parents[1] / "celery" / "dagster.yaml").read_text())
    retries = values["dagsterDaemon"]["runRetries"]
    assert [retries["enabled"], retries["maxRetries"], retries["retryOnAssetOrOpFailure"]] == list(
        celery["run_retries"].values()
    )
    limits = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]["tagConcurrencyLimits"]
    assert limits == celery["concurrency"]["runs"]["tag_concurrency_limits"]
