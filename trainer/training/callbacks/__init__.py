"""What happens beside the training steps, one file each.

Imports schemas, input, metrics, optimizer, evaluation and of the training its
averaging, checkpoint, hosts, jax_state and tracking.
"""
