"""What a run leaves: directories that are whole or not there, and the report.

Imports schemas, source, rules, shards and the config.
"""
