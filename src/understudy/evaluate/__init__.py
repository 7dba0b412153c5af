"""Does the policy work, and how sure are we? Held-out action error beside honest baselines."""
