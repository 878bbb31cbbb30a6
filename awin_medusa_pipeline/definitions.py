"""Defines `defs`, which `dagster` and `dg` load: the definitions of the installation that the environment describes."""

from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.resources import new_app

defs = build_defs(new_app())
