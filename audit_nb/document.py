"""A YAML file of values with the line of each, and the mistakes found in it.

Dates stay the text that was written, as papermill reads them: the same file serves `papermill -f`. In an inventory
every scalar does (`as_written`): a host may be called `no`, a user `0123`.
"""

from pathlib import Path
from typing import Any

import yaml

from audit_nb.errors import UsageError

MAX_DEPTH = 40  # no file of ours needs more than a tenth of it


class Document:
    """A YAML file as dicts, lists and scalars; `mistake` collects, `raise_mistakes` tells them, a sentence each."""

    def __init__(self, path: Path, text: str, *, as_written: bool = False) -> None:
        self.path, self._as_written = path, as_written
        self.mistakes: list[tuple[int, str, str]] = []
        self._lines: dict[tuple[str, ...], int] = {}
        self.tree: Any = None
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            self.tree = self._value(loader, node, ()) if node is not None else None
        except _Refused as fault:
            self.mistakes.append((fault.problem_mark.line + 1, "", fault.problem))
        except (yaml.YAMLError, ValueError) as fault:
            mark = getattr(fault, "problem_mark", None)
            problem = getattr(fault, "problem", None) or str(fault)
            self.mistakes.append((mark.line + 1 if mark else 1, "", f"this is not YAML: {problem}"))
        finally:
            loader.dispose()

    @classmethod
    def load(cls, path: Path, *, remedy: str) -> "Document":
        """Read the file; raises UsageError with the remedy where there is none, and where it is no YAML."""
        document = cls(path, text_of(path, remedy=remedy))
        document.raise_mistakes()
        return document

    def mistake(self, place: tuple[str, ...], sentence: str, line: int | None = None) -> None:
        """Note a mistake at a field; it is told with `line` or the nearest one we know, with none where it is 0."""
        known = next((self._lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self._lines), 1)
        self.mistakes.append((known if line is None else line, ".".join(place), sentence))

    def raise_mistakes(self) -> None:
        """Raise UsageError where there are mistakes, each with its line and field."""
        if not self.mistakes:
            return
        told = [
            f"{', '.join(filter(None, [f'line {line}' if line else '', field]))}: {said}"
            for line, field, said in sorted(self.mistakes)
        ]
        if len(told) == 1:
            raise UsageError(f"{self.path}, {told[0]}")
        raise UsageError("\n".join([f"{self.path}: {len(told)} mistakes", *(f"  {one}" for one in told)]))

    def _value(self, loader: "_Loader", node: yaml.Node, place: tuple[str, ...]) -> Any:  # noqa: ANN401 - what YAML holds
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, child, (*place, str(number))) for number, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            if self._as_written:
                return None if node.tag == "tag:yaml.org,2002:null" else node.value
            return loader.construct_object(node)
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            here = (*place, name)
            if name in found:
                self.mistake(here, "stands here a second time", key.start_mark.line + 1)
                continue
            self._lines[here] = key.start_mark.line + 1
            found[name] = self._value(loader, value, here)
        return found


def text_of(path: Path, *, remedy: str) -> str:
    """The text of a file; raises UsageError that names the example beside it, or the remedy, where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        example = path.with_name(f"{path.stem}.example.yaml")
        said = f"`cp {example} {path}` and change what does not fit" if example.exists() else remedy
        raise UsageError(f"{path} does not exist: {said}") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"{path} cannot be read: {fault}") from None


class _Refused(yaml.MarkedYAMLError):
    """YAML that we do not read, because it could exhaust us."""


class _Loader(yaml.SafeLoader):
    """YAML's plain values without its dates and its aliases: ten lines of those can fill the memory."""

    depth = 0

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise _Refused(problem="anchors and aliases (&, *) are not read here", problem_mark=mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise _Refused(problem="this is nested too deeply", problem_mark=mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1
