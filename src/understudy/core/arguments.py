"""Words of a command line -> nested settings. Knows how options are written, not which options exist.

    --dataset.repo_id=u/n --steps 500 --rename_map='{a: b}'
    {"dataset": {"repo_id": Text("u/n")}, "steps": Text("500"), "rename_map": Text("{a: b}")}

A typed value stays text until the option is known that it is for: `--job_name=123` is the text 123, `--steps=123` the
number. Lists and dictionaries are YAML (hence also JSON) in flow style.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import ConfigError, nearest

_BOOLEAN_WORDS = {"true", "false", "yes", "no", "on", "off", "1", "0"}


class Text(str):
    """A value as it was typed; `bare` when the option stood alone, without a value."""

    bare = False


@dataclass
class Settings:
    """Nested values, and how each was spelled where it came from.

    flags   dotted path as a tuple -> the flag as typed ("--policy.type")
    files   dotted path as a tuple -> the file that everything below it was read from
    """

    values: dict[str, Any] = field(default_factory=dict)
    flags: dict[tuple[str, ...], str] = field(default_factory=dict)
    files: dict[tuple[str, ...], str] = field(default_factory=dict)

    def spelled(self, path: Sequence[str]) -> str:
        """The option at `path` as the user wrote it: "`--steps`", or "`steps` in train_config.json"."""
        for end in range(len(path), 0, -1):
            if flag := self.flags.get(tuple(path[:end])):
                return f"`{flag}`" if end == len(path) else f"`{'.'.join(path[end:])}` in `{flag}`"
        if has(self.values, path):
            for end in range(len(path), -1, -1):
                if file := self.files.get(tuple(path[:end])):
                    return f"`{'.'.join(path)}` in {file}"
        return f"`--{'.'.join(path)}`"

    def over(self, base: Settings) -> Settings:
        """These settings on top of `base`: dictionaries are merged, everything else is replaced."""
        values = merge(base.values, self.values)
        return Settings(values, base.flags | self.flags, base.files | self.files)


def read_words(
    words: Sequence[str], *, positionals: Sequence[str] = (), switches: Iterable[str] = (), known: Iterable[str] = ()
) -> Settings:
    """The settings that a command line asks for; of an option given twice the last one counts.

    positionals   options that may be given as a bare word, in this order; one that ends in "..." takes all the rest
    switches      boolean options: the word after one is its value only if it is true, false, or the like
    known         names for a suggestion when a word has lost its dashes

    Raises ConfigError for a word that is no option and fits no positional.
    """
    settings = Settings()
    switches, waiting, rest = set(switches), list(positionals), list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--") and len(word) > 2:
            name, equals, typed = word[2:].partition("=")
            text = Text(typed)
            if not equals:
                text = _following(rest, name in switches)
            assign(settings, tuple(name.split(".")), text, f"--{name}")
        elif word.startswith("-") and len(word) > 1:
            raise ConfigError(f"`{word}`: unknown option", hint="options are written --name=value; --help lists them")
        elif waiting and waiting[0].endswith("..."):
            _append(settings, waiting[0].removesuffix("..."), word)
        elif waiting:
            assign(settings, (waiting.pop(0),), Text(word), word)
        else:
            raise ConfigError(f"`{word}` is not expected here", hint=_lost_dashes(word, known))
    return settings


def _append(settings: Settings, name: str, word: str) -> None:
    """Add a bare word to an option that takes a list of them."""
    values = settings.values.setdefault(name, [])
    if not isinstance(values, list):
        raise ConfigError(f"`{settings.flags[(name,)]}` and `{word}` contradict each other")
    values.append(Text(word))
    settings.flags[(name,)] = word


def _following(rest: list[str], is_switch: bool) -> Text:
    """The value of an option written without `=`: the next word, if it can be one."""
    if rest and not rest[0].startswith("--") and (not is_switch or rest[0].lower() in _BOOLEAN_WORDS):
        return Text(rest.pop(0))
    text = Text("true")
    text.bare = True
    return text


def _lost_dashes(word: str, known: Iterable[str]) -> str:
    name, equals, value = word.partition("=")
    guess = nearest(name, known)
    if guess and equals:
        return f"did you mean `--{guess}={value}`?"
    return "options are written --name=value; put quotes around a value that has spaces"


def assign(settings: Settings, path: tuple[str, ...], text: Text, flag: str) -> None:
    """Put one typed value at `path`. Raises ConfigError when a part of the path already has a value of its own."""
    place = settings.values
    for depth, part in enumerate(path[:-1], start=1):
        inner = place.setdefault(part, {})
        if isinstance(inner, Text):
            inner = parse_flow(inner)
            if not isinstance(inner, dict):
                raise ConfigError(f"`{settings.flags[path[:depth]]}` and `{flag}` contradict each other")
            place[part] = inner
        place = inner
    place[path[-1]] = text
    settings.flags = {known: typed for known, typed in settings.flags.items() if known[: len(path)] != path}
    settings.flags[path] = flag


def has(values: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether nested `values` hold something at `path`."""
    inner: Any = values
    for part in path:
        if not isinstance(inner, Mapping) or part not in inner:
            return False
        inner = inner[part]
    return True


def get(values: Mapping[str, Any], path: Sequence[str], default: Any = None) -> Any:
    """What nested `values` hold at `path`, or `default`."""
    inner: Any = values
    for part in path:
        if not isinstance(inner, Mapping) or part not in inner:
            return default
        inner = inner[part]
    return inner


def remove(values: dict[str, Any], path: Sequence[str]) -> None:
    """Take away what nested `values` hold at `path`, and the groups that this leaves empty."""
    if not has(values, path):
        return
    if len(path) == 1:
        del values[path[0]]
        return
    inner = values[path[0]]
    remove(inner, path[1:])
    if not inner:
        del values[path[0]]


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` on top of `below`, dictionary by dictionary."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def parse_flow(text: str) -> Any:
    """One value in YAML flow style, by the rules of YAML 1.2: `1e-5` is a number, `no` and `2024-01-01` are text.

    Raises ConfigError when the text is not YAML.
    """
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigError(f"`{text}` cannot be read: {problem}") from error


def read_file(path: Path) -> dict[str, Any]:
    """The settings in a JSON or YAML file. Raises ConfigError naming the file and the line."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise ConfigError(f"the configuration cannot be read: {reason}", where=str(path)) from error
    values = _parse_json(content, path) if path.suffix == ".json" else _parse_yaml(content, path)
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(
            "the configuration holds no options", where=str(path), hint="a JSON or YAML dictionary is expected"
        )
    return values


def _parse_json(content: str, path: Path) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        problem = error.msg[:1].lower() + error.msg[1:]
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise ConfigError(f"the configuration is not JSON: {problem}", where=where) from error


def _parse_yaml(content: str, path: Path) -> Any:
    import yaml

    try:
        return yaml.load(content, Loader=_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "a character that text files do not have"
        raise ConfigError(f"the configuration is not YAML: {problem}", where=where) from error


def _loader() -> Any:
    """PyYAML's safe loader (it can make nothing but plain values) with the rules of YAML 1.2 for bare words."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # emptied on purpose: YAML 1.1 reads `no` as false

    words = {
        "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
        "null": (r"~|null|Null|NULL|None|", ["~", "n", "N", ""]),
        "int": (r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+", "-+0123456789"),
        "float": (
            r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
            "-+0123456789.",
        ),
        "merge": (r"<<", "<"),
    }
    for tag, (pattern, first) in words.items():
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first))
    return Loader
