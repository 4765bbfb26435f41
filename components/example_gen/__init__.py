"""Ingest: a Pascal VOC data set in, checked TFRecord shards and a report out.

Imports schemas; knows no model.
"""
