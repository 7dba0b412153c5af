"""What every room of the house uses, and what uses none of them: errors, configuration, files, randomness."""
