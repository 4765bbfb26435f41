"""What `show-data` draws: examples as the model sees them."""
