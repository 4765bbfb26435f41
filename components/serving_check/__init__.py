"""Proof that the exported model can be served, before anything serves it."""
