"""Simulated tasks: robots, objects, cameras and scripted experts, on a CPU, without a display."""
