"""SmolVLA (Shukor et al., 2025, arXiv:2506.01844), with LeRobot's options, parameter names and arithmetic."""
