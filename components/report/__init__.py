"""Pages about a run: the verdict, the numbers, the images to look at.

Imports schemas, trainer, evaluator and serving_check.
"""
