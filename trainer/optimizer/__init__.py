"""The optimiser and its schedules.

Imports schemas and the model's parts.
"""
