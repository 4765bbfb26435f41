"""Pages about a run: the verdict, the numbers, the images to look at.

Imports schemas, trainer, example_gen, evaluator and serving_check.
"""
