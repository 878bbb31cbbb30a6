"""Stands in for Etsy's API v3 on the loopback address and refuses what Etsy refuses; Etsy has no sandbox.

One server (server.py) answers the consent page, the token endpoint, the API operations that the program calls, and a
listing's page. Where Etsy's behaviour is undocumented, the stand-in does the strictest thing that Etsy might do; where
sources disagree, a setting chooses (settings.py). Where Etsy's wording is unknown, its own begins with "Stand-in:".
"""
