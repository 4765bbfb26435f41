"""One folder per stage of ours, in flow order.

Imports schemas and trainer.
"""
