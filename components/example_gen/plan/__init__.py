"""Which image goes with which annotation, and into which split.

Imports schemas, source, rules, examination and the config.
"""
