"""A blessed, servable model becomes the newest version that is served.

Imports schemas, baseline and evaluator.
"""
