"""Tokens in, identities out: pure. Given the keys that are trusted and the time, whose is a token?

Nothing here fetches a key, reads a clock or knows where keys are kept. The signature is PyJWT's to check; what is
checked besides, and in which order, stands in `app.identity.verify`.
"""
