"""Two or more evaluations side by side: which policy is better, and how sure one can be."""
