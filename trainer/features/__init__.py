"""Features of a frozen backbone, computed once and kept on the disk.

Imports schemas, input, training and the config.
"""
