"""The questions that can be asked of the events: one file for each, one function of the same name in it.

    failed = tables.failed_logins(events)           # an Ibis table in, a small Ibis table out
    for question in tables.questions().values():
        print(question.name, question.sentence)

A file whose name begins with an underscore holds what several questions share.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Question:
    """A question: the name of its function and file, what it asks in a sentence, and the function that answers it."""

    name: str
    sentence: str
    function: Callable[..., Any]


def names() -> list[str]:
    """The names of all questions, in alphabetical order: the files of this folder."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def questions() -> dict[str, Question]:
    """Every question by its name."""
    return {name: _question(name) for name in names()}


def _question(name: str) -> Question:
    function = getattr(sys.modules[__name__], name)
    return Question(name, (function.__doc__ or "").strip().split("\n")[0], function)


class _Tables(ModuleType):
    """This package: an imported file puts its function here under its name, where Python would put the file."""

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - an attribute of a module may be anything
        super().__setattr__(name, getattr(value, name, value) if isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = _Tables


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a question's function, imported when it is first asked for
    if name not in names():
        raise AttributeError(f"there is no question {name!r}; `audit-nb tables` lists them")
    return getattr(import_module(f"{__name__}.{name}"), name)


def __dir__() -> list[str]:
    return [*globals(), *names()]
