"""The verbs and their options: each verb is asked for its help, as a user would, and what the help is made of is kept.

So a verb that is new, or an option that is, stands here without anything being said about it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from unittest import mock

from pydantic import BaseModel

from understudy.cli.help import GROUPS
from understudy.cli.main import VERBS
from understudy.core import option_help
from understudy.core.describe import options_of
from understudy.train.command import CommandOptions
from understudy.train.config import TrainConfig

from .markdown import code, table, words
from .options import option_table


@dataclass(frozen=True)
class Verb:
    """What the help of a verb is made of; `called` as one types it: "data info"."""

    called: str
    model: type[BaseModel]
    positionals: tuple[str, ...]


def verb_pages() -> dict[str, str]:
    """verbs.md: all of them but `train`, which has a page of its own."""
    does = table(("verb", "does"), ((code(verb), words(what)) for verb, what in VERBS.items()))
    head = (
        "# Every verb\n\n"
        "`understudy VERB --name=value`; `--name value` works too. Values are written as in YAML. `--json` on a verb "
        "that reports prints one JSON document on stdout, `--debug` adds the traceback to an error.\n\n"
        f"{does}\n\nThe options of `understudy train` have [a page of their own](train.md)."
    )
    sections = [_section(verb) for name in VERBS if name != "train" for verb in asked_for_help(name)]
    return {"verbs.md": "\n\n".join([head, *sections]) + "\n", "train.md": _train_page()}


def asked_for_help(name: str) -> list[Verb]:
    """What `understudy NAME --help` is made of; several for a verb with actions, such as `data`."""
    module = importlib.import_module(f"understudy.cli.{name}")
    calls = [[action, "--help"] for action in getattr(module, "ACTIONS", {})] or [["--help"]]
    found: list[Verb] = []

    def keep(model: type[BaseModel], positionals: Sequence[str], verb: str) -> str:
        found.append(Verb(verb, model, tuple(positionals)))
        return ""

    for call in calls:
        with (
            mock.patch.object(option_help, "options_help", keep),
            contextlib.suppress(SystemExit),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            module.run(call)
    if len(found) != len(calls):
        raise RuntimeError(f"`understudy {name} --help` does not say what its options are")
    return found


def _section(verb: Verb) -> str:
    bare = "".join(f" {name.upper()}" for name in verb.positionals)
    parts = [
        f"## understudy {verb.called}",
        words(verb.model.__doc__ or ""),
        f"    understudy {verb.called}{bare} [--name=value ...]",
    ]
    named = [(path, field) for path, field in options_of(verb.model) if ".".join(path) in verb.positionals]
    if named:
        rows = ((code(".".join(path).upper()), words(field.description or "")) for path, field in named)
        parts.append(table(("argument", "meaning"), rows))
    others = [(path, field) for path, field in options_of(verb.model) if ".".join(path) not in verb.positionals]
    parts.append(option_table(others, verb.model))
    if verb.called == "ensemble":
        parts.append("And every option of [understudy train](train.md).")
    return "\n\n".join(parts)


def _train_page() -> str:
    options = [(path, field) for path, field in options_of(TrainConfig) if path[0] != "policy"]
    parts = [
        "# understudy train",
        "    understudy train --dataset.repo_id=NAME --policy.type=TYPE [--name=value ...]\n"
        "    understudy train --dataset.repo_id=NAME --policy.path=CHECKPOINT [...]\n"
        "    understudy train --config_path=FILE [...]\n"
        "    understudy train --resume RUN [...]",
        "Names, meanings and defaults are LeRobot's; an option that only Understudy has is marked **ours**. The same "
        "names build a `TrainConfig` in [Python](python.md). The options of each policy are on [a page of their own]"
        "(policies.md).",
        "## The command",
        option_table(options_of(CommandOptions), CommandOptions),
        "## The run",
        option_table((option for option in options if len(option[0]) == 1), TrainConfig, marks_ours=True),
    ]
    for group, title in GROUPS.items():
        members = [option for option in options if len(option[0]) > 1 and option[0][0] == group]
        parts += [f"## {title}", option_table(members, TrainConfig, marks_ours=True)]
    return "\n\n".join(parts) + "\n"
