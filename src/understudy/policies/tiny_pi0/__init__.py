"""tiny pi0: flow matching on small states, as in the study github.com/ruiming-wu/FAST_Flow_Matching, and improved."""
