"""What is wrong with a dataset or a run, with evidence and a remedy. Reads files and events, never live objects."""

from understudy.core.callable_package import make_callable

make_callable(__name__, "understudy.diagnose.target", "diagnose")
