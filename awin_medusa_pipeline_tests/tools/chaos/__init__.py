"""Makes bad days on purpose, each from a seed: syncs killed, shops killed, requests spoilt; and judges the shop after.

Single faults with a name of their own are in end_to_end/.
"""
