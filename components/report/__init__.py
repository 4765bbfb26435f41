"""One page about a run: the verdict, the numbers, the detections to look at.

Imports schemas, trainer, evaluator and serving_check.
"""
