"""One run of the pipeline: what it is keyed by, what it shows, what it leaves.

Imports schemas, trainer, components and the config; nothing of the DAG.
"""
