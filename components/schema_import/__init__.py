"""The curated schema enters the run."""
