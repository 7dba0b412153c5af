"""tiny pi0-FAST: actions as tokens, as in the study github.com/ruiming-wu/FAST_Flow_Matching, and improved."""
