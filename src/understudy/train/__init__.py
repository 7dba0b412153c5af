"""The training loop and what surrounds it: updates, checkpoints, validation, events and their readers."""

from understudy.core.callable_package import make_callable

make_callable(__name__, "understudy.train.run", "train")
