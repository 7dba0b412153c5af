"""A six-joint arm of SO-101's dimensions at a table, five tasks, and an expert for each."""
