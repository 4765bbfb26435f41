"""What a run leaves: directories that are whole or not there, and the report.

Imports all rooms of ingest before it.
"""
