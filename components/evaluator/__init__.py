"""Exact metrics of candidate and baseline, and the gate.

Imports schemas, trainer, example_gen, data_gate and baseline.
"""
