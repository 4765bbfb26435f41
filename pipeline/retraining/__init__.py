"""A retraining that nobody watches: what is new, what is remembered, what is told.

Imports schemas, components, config, local_run and run's summary.
"""
