"""The Trainer's work alone, on what ingest wrote; in one process or one of several.

Imports schemas, trainer and of the pipeline config and run.
"""
