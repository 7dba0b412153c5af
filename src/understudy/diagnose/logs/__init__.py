"""Logs of other programs, read into the events that our own runs write."""
