"""`understudy VERB --name=value`: finds the verb and runs it. Imports nothing heavy: --help has to answer at once."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from understudy import __version__
from understudy.core import log
from understudy.core.errors import ConfigError, nearest

from .errors import report

# verb -> what it does; its file is cli/<verb>.py, with run(arguments) -> exit code
VERBS = {
    "train": "train a policy from a LeRobot dataset",
    "record": "demonstrations of a simulated task, as a LeRobot dataset",
    "eval": "measure a policy: success in simulation, or error on held-out episodes",
    "ensemble": "one configuration over many training seeds, and how the results spread",
    "compare": "two or more evaluations: which is better, and how sure that is",
    "data": "data info: what a dataset holds",
    "doctor": "what is wrong with a dataset, a run, a log, or this installation",
    "report": "plots and one page of a run, a log, or several runs side by side",
    "studio": "a web page on this machine: runs live, datasets, episodes, the doctor",
    "inspect": "what a checkpoint holds, of any era",
    "merge": "an adapter and the weights that it belongs to become one checkpoint",
    "study": "study pendulum: two families of policies over many seeds, on one page",
    "demo": "the whole story on a simulated arm: record, train, evaluate, report",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; its exit code. Never raises."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = any(word in ("--debug", "--debug=true") for word in words)
    words = [word for word in words if word not in ("--debug", "--debug=true", "--debug=false")]
    if any(word in ("--json", "--json=true") for word in words):
        log.talk_on_stderr()
    try:
        code = run_verb(words)
        sys.stdout.flush()
        return code
    except BaseException as error:
        return report(error, debug=debug)


def run_verb(words: Sequence[str]) -> int:
    """Run the verb that `words` begin with. Raises ConfigError for an unknown one."""
    first, rest = (words[0], list(words[1:])) if words else ("", [])
    if first in ("-h", "--help") or (first == "help" and not rest):
        sys.stdout.write(overview())
        return 0
    if first in ("-V", "--version"):
        print(f"understudy {__version__}")
        return 0
    if first == "help":
        first, rest = rest[0], ["--help"]
    known = ", ".join(VERBS)
    if not first or first.startswith("-"):
        raise ConfigError("which verb?", hint=f"understudy VERB --name=value; the verbs: {known}")
    if first not in VERBS:
        guess = nearest(first, VERBS)
        raise ConfigError(
            f"`{first}`: unknown verb" + (f"; did you mean `{guess}`?" if guess else ""), hint=f"the verbs: {known}"
        )
    run = importlib.import_module(f"understudy.cli.{first}").run
    return int(run(rest))


def overview() -> str:
    """The text of `understudy --help`."""
    verbs = "\n".join(f"  {verb:<10}{does}" for verb, does in VERBS.items())
    return f"""usage: understudy VERB [--name=value ...]

Turns robot demonstrations into a policy that works, and proves that it works.

{verbs}

  understudy VERB --help    the options of a verb
  --json                    one JSON document on stdout, everything else on stderr
  --debug                   show the traceback of an error
  --version

Train ACT on a dataset from the Hub, or from a folder:

  understudy train --dataset.repo_id=lerobot/pusht --policy.type=act
  understudy train --dataset.repo_id=local/x --dataset.root=FOLDER --policy.type=act

Try a policy where nothing can break, and know how sure the answer is:

  understudy record --env.type=so101/lift --dataset.root=FOLDER
  understudy eval --policy.path=RUN --env.type=so101/lift --eval.n_episodes=50
"""
