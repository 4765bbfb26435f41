"""A trained model as others run it, and read back.

Imports schemas, image, model and the config.
"""
