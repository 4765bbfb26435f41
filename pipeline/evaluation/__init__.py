"""A served model on data that it is given: the whole report without a run.

Imports schemas, trainer, components, beam, run and prediction.
"""
