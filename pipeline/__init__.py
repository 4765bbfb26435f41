"""The DAG: configuration, presets, runners, command line."""
