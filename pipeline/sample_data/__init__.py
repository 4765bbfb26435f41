"""A VOC data set that we draw ourselves, with NumPy and Pillow alone.

Determinism: pixels come from +, -, *, / and sqrt (exact by IEEE 754 everywhere),
integers and scalars that are rounded after sin and cos; never from a vectorised sin,
exp or matrix product, whose last bit depends on the processor.

Imports schemas.
"""
