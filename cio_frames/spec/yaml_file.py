"""YAML files read node by node, so that an error names its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from cio_frames.errors import CioFramesError, ConfigurationError, SpecError

# A file of a person stays far below these; one whose aliases multiply, or that only opens braces, does not.
_MAX_DEPTH, _MAX_NODES = 100, 50_000
_TOO_DEEP = f"nested more than {_MAX_DEPTH} levels deep"


class YamlFile:
    """One YAML file; errors name the file and the line.

    Parameters
    ----------
    path : Path
        The file.
    remedy : str
        What to do if the file cannot be read.
    error_type : type
        The error to raise. Default is SpecError.
    """

    _TEXT = "tag:yaml.org,2002:str"

    def __init__(
        self,
        path: Path,
        remedy: str = "Reinstall cio-frames.",
        error_type: type[SpecError | ConfigurationError] = SpecError,
    ) -> None:
        self._path = path
        self._error_type = error_type
        text = ""
        try:
            text = path.read_text(encoding="utf-8")
            self.root = yaml.compose(text, Loader=yaml.SafeLoader)
        except OSError as error:
            raise error_type(f"Cannot read {path}: {error.strerror}. {remedy}", path=path) from error
        except RecursionError as error:
            raise self._error_in_line(_line_that_is_too_deep(text), _TOO_DEEP) from error
        # A wrong escape such as "\UFFFFFFFF" is an error of Python's.
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            line = _line_of(error, text)
            place = path if line is None or isinstance(error, yaml.MarkedYAMLError) else f"{path}, line {line},"
            raise error_type(f"{place} is not valid YAML: {error}", path=path, line=line) from error
        if self.root is not None:
            self._refuse_endless(self.root)

    def _refuse_endless(self, root: yaml.Node) -> None:
        """Refuse a file that is small and stands for a large one, because its aliases repeat others."""
        sizes: dict[int, int] = {}

        def measure(node: yaml.Node, open_nodes: tuple[int, ...]) -> int:
            if id(node) in open_nodes:
                raise self.error_at(node, "the alias refers to a node that contains it")
            if len(open_nodes) > _MAX_DEPTH:
                raise self.error_at(node, _TOO_DEEP)
            if id(node) not in sizes:
                inside = (*open_nodes, id(node))
                sizes[id(node)] = 1 + sum(measure(each, inside) for each in _children(node))
                if sizes[id(node)] > _MAX_NODES:
                    raise self.error_at(
                        node, f"with its aliases it stands for more than {_MAX_NODES:,} nodes; write fewer of them"
                    )
            return sizes[id(node)]

        measure(root, ())

    def mapping(
        self, node: Any, *, allowed: Set[str] | None = None, required: Set[str] = frozenset()
    ) -> dict[str, yaml.Node]:
        """Return a mapping's nodes by key; raise for unknown, duplicate and missing keys."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error_at(node, "expected a mapping (key: value)")
        entries: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self.text(key_node)
            if key in entries:
                raise self.error_at(key_node, f"duplicate key {key!r}")
            if allowed is not None and key not in allowed:
                raise self.error_at(key_node, f"unknown key {key!r}; known keys are {', '.join(sorted(allowed))}")
            entries[key] = value
        for key in sorted(required - entries.keys()):
            raise self.error_at(node, f"required key {key!r} is missing")
        return entries

    def scalar(self, node: yaml.Node) -> Any:
        """Return the value of a node as YAML reads it."""
        for leaf in _leaves(node):
            self._construct(leaf)
        return self._construct(node)

    def _construct(self, node: yaml.Node) -> Any:
        try:
            return SafeConstructor().construct_document(node)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or node.start_mark
            raise self._error_in_line(1 if mark is None else mark.line + 1, f"{error.problem}") from error
        # What PyYAML's constructors of dates and numbers raise, and PyYAML does not translate.
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
            raise self.error_at(node, f"not a valid {node.tag.rpartition(':')[2]}; quote it if it is text") from error

    def names(self, node: yaml.Node | None) -> tuple[str, ...]:
        """Return a list of names; an empty one for an absent node."""
        return () if node is None else tuple(map(self.text, self.sequence(node, "a list of names")))

    def name(self, node: yaml.Node, known: Set[str]) -> str:
        """Return a known name; raise for any other."""
        if self.text(node) not in known:
            raise self.error_at(node, f"unknown call or event {node.value!r}")
        return self.text(node)

    def sequence(self, node: yaml.Node, what: str = "a list") -> Sequence[yaml.Node]:
        """Return a list's nodes."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.error_at(node, f"expected {what}")
        return tuple(node.value)

    def text(self, node: yaml.Node) -> str:
        """Return text; raise for what YAML reads as another type."""
        if node.tag != self._TEXT:
            raise self.error_at(node, "expected text; put quotes around it, and write merge keys (<<) out in full")
        if "\0" in node.value:
            raise self.error_at(node, "text must not contain a NUL character")
        return str(node.value)

    def error_at(self, node: Any, what: str) -> CioFramesError:
        """Return an error that names file and line."""
        return self._error_in_line(node.start_mark.line + 1 if node is not None else 1, what)

    def _error_in_line(self, line: int, what: str) -> CioFramesError:
        return self._error_type(f"{self._path}, line {line}: {what}.", path=self._path, line=line)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _leaves(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield the values at and below a node that are neither lists nor mappings."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    for each in _children(node):
        yield from _leaves(each)


def _line_that_is_too_deep(text: str) -> int:
    depth, line = 0, 1
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = _line(event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            break
    return line


def _line_of(error: Exception, text: str) -> int | None:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return int(error.problem_mark.line) + 1
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1
    return None if isinstance(error, UnicodeDecodeError) else _last_line_read(text)


def _last_line_read(text: str) -> int:
    """Return the line of the last part of a text that can be read as YAML."""
    line = 1
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = _line(event.end_mark)
    except (yaml.YAMLError, ValueError, OverflowError):
        return line
    return line


def _line(mark: Any) -> int:
    """Return the line of a mark, from 1; marks are optional in PyYAML's types only."""
    return int(mark.line) + 1
