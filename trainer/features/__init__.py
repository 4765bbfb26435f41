"""Features of a frozen backbone, computed once and kept on the disk.

Imports schemas, training and the config.
"""
