"""Exact metrics of candidate and baseline, and the gate."""
