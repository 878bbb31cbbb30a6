"""Defines `defs`, which `dagster` and `dg` load: the definitions of the shops that the environment describes."""

from awin_medusa_pipeline.defs.build import build_defs
from awin_medusa_pipeline.defs.resources import new_shops

defs = build_defs(new_shops())
