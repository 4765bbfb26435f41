"""One file per command; none imports anything heavy before it runs.

Imports beam, schemas, trainer, components and of the pipeline on_kubeflow, config,
config_file, overrides, presets, run, runners, local_run, retraining, show_data,
sample_data, prediction, evaluation, label_prices, export and training.
"""
