"""Proof that the exported model can be served, before anything serves it.

Imports schemas, baseline, example_gen and, for what the model itself finds, trainer;
the process that asks the export imports no trainer: a server has none either.
"""
