"""Demonstrations from a simulated task, written as a LeRobot dataset."""
