"""Trials on a real arm, judged by a person: which policy is running is not known to whoever judges it."""
