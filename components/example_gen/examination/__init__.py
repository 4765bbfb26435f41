"""One image with its annotation through all rules.

Imports schemas, source, rules and the config.
"""
