"""Holds deploy/k8s/values.yaml against the schema of Dagster's Helm chart, whose unpacked folder is the argument."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import validators
from rich.console import Console

from awin_medusa_pipeline_tests.support.places import PROJECT

VALUES = PROJECT / "deploy" / "k8s" / "values.yaml"


def laid_over(own: Any, above: Any) -> Any:
    """Values laid over others, as Helm does: mappings are merged, all else is replaced."""
    if isinstance(own, Mapping) and isinstance(above, Mapping):
        return {**own, **{name: laid_over(own.get(name), value) for name, value in above.items()}}
    return above


def without_others(schema: Any) -> Any:
    """A schema without its references to other addresses, those of Kubernetes, which are not fetched."""
    if isinstance(schema, Mapping):
        own = {name: value for name, value in schema.items() if name != "$ref" or str(value).startswith("#")}
        return {name: without_others(value) for name, value in own.items()}
    return [without_others(one) for one in schema] if isinstance(schema, list) else schema


def faults(chart: Path, values: Mapping[str, Any]) -> Iterator[str]:
    """What the chart does not take, and values that it does not have."""
    own = yaml.safe_load((chart / "values.yaml").read_text())
    schema = json.loads((chart / "values.schema.json").read_text())
    yield from (f"{name}: the chart has no such value" for name in values.keys() - own.keys())
    validator = validators.validator_for(schema)(without_others(schema))
    for error in validator.iter_errors(laid_over(own, values)):
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def main(chart: Path) -> int:
    """Print the faults; 1 when there is one."""
    found = list(faults(chart, yaml.safe_load(VALUES.read_text())))
    Console().print(*(found or ["The chart takes these values."]), sep="\n", markup=False)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
