"""Does the policy work, and how sure are we? Success with its interval, action error beside honest baselines."""

from understudy.core.callable_package import make_callable

make_callable(__name__, "understudy.evaluate.public", "evaluate")
