"""A data set on disk: files, layouts, image sets, spans, annotations, pictures.

Imports schemas alone; knows no rule and no output.
"""
