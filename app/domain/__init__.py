"""Nouns of the broker as frozen values, with the rules that hold for each alone. Pure."""
