"""What serves now, and how a new version gets there.

Imports schemas.
"""
