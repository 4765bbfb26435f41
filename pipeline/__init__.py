"""The DAG: configuration, presets, runners, command line.

Imports schemas, trainer and components.
"""
