"""A data set on disk: files, layouts, image sets, spans, annotations, pictures.

Knows no rule and no output; imports schemas alone.
"""
