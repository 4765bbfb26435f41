"""A blessed, servable model becomes the newest version that is served.

Imports schemas, trainer, baseline, evaluator and serving_check.
"""
