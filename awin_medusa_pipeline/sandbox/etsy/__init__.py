"""A stand-in for Etsy's API v3 on the loopback address, which refuses what Etsy refuses. Etsy itself has no sandbox.

One server (server.py) answers the consent page, the token endpoint, the API and a listing's page; behind it are the
rules (rules/, pure), the shop and what is kept (state.py, shop.py), and faults to inject (faults.py). Where nobody has
written down what Etsy does, the stand-in does the strictest thing that Etsy might do; and where Etsy's words are not
known, its own begin with "Stand-in:".
"""
