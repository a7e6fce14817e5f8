"""Zoom's protocol and REST client: envelopes, signatures, tokens, rate limits."""
