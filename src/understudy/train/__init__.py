"""The training loop and what surrounds it: updates, checkpoints, validation, events and their readers."""
