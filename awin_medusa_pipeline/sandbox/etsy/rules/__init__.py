"""Etsy's rules: a body and what the shop has -> what is wrong with it. Pure; nothing here changes anything."""
