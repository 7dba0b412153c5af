"""Pictures and pages made from a run folder. Reads files and events only."""
