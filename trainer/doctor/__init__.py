"""What is looked at before the first step; stops on what would waste the run.

Imports schemas, image, input, model, training and the config.
"""
