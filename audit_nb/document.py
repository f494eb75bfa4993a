"""A YAML file of values with the line of each, and the mistakes found in it.

Dates stay the text that was written, as papermill reads them: the same file serves `papermill -f`.
"""

from pathlib import Path
from typing import Any

import yaml

from audit_nb.errors import UsageError


class Document:
    """A YAML file as dicts, lists and scalars; `mistake` collects, `raise_mistakes` tells them all in one sentence each."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.mistakes: list[tuple[int, str, str]] = []
        self._lines: dict[tuple[str, ...], int] = {}
        self.tree: Any = None
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            self.tree = self._value(loader, node, ()) if node is not None else None
        except (yaml.YAMLError, ValueError) as fault:
            mark = getattr(fault, "problem_mark", None)
            problem = getattr(fault, "problem", None) or str(fault)
            self.mistakes.append((mark.line + 1 if mark else 1, "", f"this is not YAML: {problem}"))
        except RecursionError:
            self.mistakes.append((1, "", "this is nested too deeply"))
        finally:
            loader.dispose()

    @classmethod
    def load(cls, path: Path, *, remedy: str) -> "Document":
        """Read the file; raises UsageError with the remedy where there is none, and where it is no YAML."""
        try:
            document = cls(path, path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            example = path.with_name(f"{path.stem}.example.yaml")
            said = f"`cp {example} {path}` and change what does not fit" if example.exists() else remedy
            raise UsageError(f"{path} does not exist: {said}") from None
        except (OSError, UnicodeDecodeError) as fault:
            raise UsageError(f"{path} cannot be read: {fault}") from None
        document.raise_mistakes()
        return document

    def mistake(self, place: tuple[str, ...], sentence: str) -> None:
        """Note a mistake at a field; it is told with the nearest line we know."""
        line = next((self._lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self._lines), 1)
        self.mistakes.append((line, ".".join(place), sentence))

    def raise_mistakes(self) -> None:
        """Raise UsageError where there are mistakes, each with its line and field."""
        if not self.mistakes:
            return
        told = [f"line {line}{f', {field}' if field else ''}: {said}" for line, field, said in sorted(self.mistakes)]
        if len(told) == 1:
            raise UsageError(f"{self.path}, {told[0]}")
        raise UsageError("\n".join([f"{self.path}: {len(told)} mistakes", *(f"  {one}" for one in told)]))

    def _value(self, loader: "_Loader", node: yaml.Node, place: tuple[str, ...]) -> Any:  # noqa: ANN401 - what YAML holds
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, child, (*place, str(number))) for number, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return loader.construct_object(node)
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            here = (*place, name)
            if name in found:
                self._lines[here] = key.start_mark.line + 1
                self.mistake(here, "stands here a second time")
            self._lines[here] = key.start_mark.line + 1
            found[name] = self._value(loader, value, here)
        return found


class _Loader(yaml.SafeLoader):
    """YAML's plain values without its dates and its aliases: ten lines of those can fill the memory."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not read here", problem_mark=mark)
        return super().compose_node(parent, index)
