"""Gives every shop of an installation its part of the definitions: a partition, where there are several.

A run belongs to the shop of its partition; without a file of shops nothing is partitioned, and every run is the only
shop's.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import dagster as dg

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.shops import Shops

Found = TypeVar("Found")

PARTITION_TAG = "dagster/partition"
SHOP = "awin_medusa/shop"
"""Tag of the runs on a shop: dagster.yaml limits it to one run at a time for each value."""
ETSY = "awin_medusa/etsy"
"""Likewise of the runs that send to Etsy; by account, where it is known."""
LIMITED = (SHOP, ETSY)
ONLY = "default"
"""Value of these tags where there is one shop."""


def partitions_of(shops: Shops) -> dg.StaticPartitionsDefinition | None:
    """A partition per shop; None for one shop without a name."""
    return dg.StaticPartitionsDefinition(shops.names) if shops.names else None


def is_of(app: App, run: dg.DagsterRun) -> bool:
    """Whether a run belongs to a shop."""
    return run.tags.get(PARTITION_TAG, "") == app.shop


def of_each(shops: Shops, look: Callable[[App], Found], log: logging.Logger) -> dict[App, Found]:
    """What is found in each shop; one of several whose state store cannot be used stops none, and the log says so."""
    found = {}
    for app in shops.values():
        try:
            found[app] = look(app)
        except PipelineError as error:
            if not app.shop:
                raise
            log.error(f"The shop {app.shop}: {error}")  # the sentence says all
    return found


def app_of(shops: Shops, run: dg.DagsterRun) -> App | None:
    """The App that a run belongs to; None when its shop is not, or no longer, one of these."""
    return shops.get(run.tags.get(PARTITION_TAG, ""))


def shop_tag(app: App) -> dict[str, str]:
    """The tag that limits the runs on this shop."""
    return {SHOP: app.shop or ONLY}


def account_tag(app: App, account_id: int) -> dict[str, str]:
    """The tag that limits the runs on an account of this shop; its value begins with the id."""
    return {ETSY: name_of(str(account_id), app)}


def name_of(name: str, app: App) -> str:
    """The name of a definition that each shop has for itself."""
    return f"{name}_{app.shop}" if app.shop else name


def with_partitions(job: Any, partitions: dg.StaticPartitionsDefinition | None) -> Any:
    """A job with a run per partition: with the config that it has, and limited per shop where it is limited."""
    if partitions is None:
        return job
    config = dg.PartitionedConfig(
        partitions,
        run_config_for_partition_key_fn=lambda _: own_config(job),
        tags_for_partition_key_fn=lambda shop: {tag: shop for tag in LIMITED if tag in job.tags},
    )
    about = {"name": job.name, "description": job.description, "tags": job.tags, "config": config}
    if isinstance(job, dg.JobDefinition):
        return job.graph.to_job(**about)
    return dg.define_asset_job(selection=job.selection, **about)


def own_config(job: Any) -> dict[str, Any]:
    """The config that a job has, whether it is partitioned or not; of ops without one, the defaults of their fields."""
    if not isinstance(job, dg.JobDefinition):
        return dict(job.config)
    if partitioned := job.partitioned_config:
        return dict(partitioned.get_run_config_for_partition_key(partitioned.get_partition_keys()[0]))
    if job.run_config is not None:
        return dict(job.run_config)
    schemas = {node.name: node.definition.config_schema for node in job.graph.nodes}
    fields = {op: schema.as_field() for op, schema in schemas.items() if schema}
    defaults = {op: field.default_value for op, field in fields.items() if field.default_provided}
    return {"ops": {op: {"config": config} for op, config in defaults.items() if config}}
