"""The field's own benchmarks, each in a Python of its own: ALOHA, PushT, Meta-World."""
