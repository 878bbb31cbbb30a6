"""Bad days on purpose: syncs killed, shops killed, requests spoilt; each from a seed, so it can be made again.

What belongs here: making the trouble, and judging the shop afterwards by the plainest means. What does not: single
faults with a name of their own (end_to_end/).
"""
