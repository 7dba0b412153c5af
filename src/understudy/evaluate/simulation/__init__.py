"""Evaluation in simulation: many episodes of a task, each from its own seed, and what can be said about them."""
