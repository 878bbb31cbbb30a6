"""Checks a request body against Etsy's rules and returns its problems, without changing anything."""
