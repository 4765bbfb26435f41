"""What `show-data` draws: examples as the model sees them.

Imports schemas, trainer, components, the config and run.
"""
