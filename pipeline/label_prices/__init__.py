"""Labels that may be wrong, priced in AP: as VOC annotations and as pictures.

Imports schemas, trainer, components, prediction and evaluation.
"""
