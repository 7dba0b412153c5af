"""ACT, the Action Chunking Transformer (Zhao et al. 2023, arXiv:2304.13705), with LeRobot's parameter names."""
