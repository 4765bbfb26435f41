"""The optimiser and its schedules.

Imports schemas and model.
"""
