"""What is wrong with a dataset or a run, with evidence and a remedy. Reads files and events, never live objects."""
