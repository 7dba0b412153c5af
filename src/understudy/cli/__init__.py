"""The command line: one thin file per verb, everything heavy imported when it is needed."""
