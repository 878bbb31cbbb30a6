"""Keeps a Medusa shop in line with an AWIN feed."""

import gc

# By itself Python looks for garbage in circles after every 700 objects, and hardly any of ours is such garbage: a fifth
# of the time that a process takes to import Dagster and the definitions.
gc.set_threshold(10_000)
