"""The examples of several spans become those of one data set.

Imports schemas and example_gen.
"""
