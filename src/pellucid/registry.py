"""Where kinds of data, networks, tasks and explainers announce themselves.

A file is found because it lies in its folder: no list anywhere names it. A file of someone else's
is found by an entry point in the group of that folder, such as `pellucid.networks`.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterator
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from pellucid.errors import BadInputError

Entry = TypeVar("Entry", bound=Callable[..., Any])


class Registry(Generic[Entry]):
    """The named entries of one folder, imported on first use.

    Args:
        noun: what messages call an entry, such as "network".
        folder: the dotted name of the package whose modules hold the entries; also the group of
            entry points by which other distributions add theirs.
    """

    def __init__(self, noun: str, folder: str) -> None:
        self._noun = noun
        self._folder = folder
        self._entries: dict[str, Entry] = {}
        self._takes: dict[str, Collection[str]] = {}
        self._filled = False

    def __call__(self, name: str, *, takes: Collection[str] = ()) -> Callable[[Entry], Entry]:
        """Decorate an entry so that `registry[name]` finds it.

        Args:
            name: how the user writes it.
            takes: the kinds of data it is meant for, as in `Schema.kind`.

        Raises:
            ValueError: if another entry already has that name.
        """

        def keep(entry: Entry) -> Entry:
            if name in self._entries:
                raise ValueError(f"two entries of {self._folder} are called {name!r}")
            self._entries[name] = entry
            self._takes[name] = tuple(takes)
            return entry

        return keep

    def __getitem__(self, name: str) -> Entry:
        """Look an entry up by name.

        Raises:
            BadInputError: if no entry has that name.
        """
        names = list(self)
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            raise BadInputError(
                given=f"no {self._noun} is called {name!r}",
                needed=f"one of {', '.join(names)}",
                remedy=f"write {close[0]!r}" if close else f"see `pellucid list {self._noun}s`",
            )
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names in alphabetical order."""
        self._fill()
        return iter(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        """Tell whether an entry has that name."""
        self._fill()
        return name in self._entries

    def taking(self, kind: str) -> list[str]:
        """Names of the entries meant for one kind of data."""
        return [name for name in self if kind in self._takes[name]]

    def takes(self, name: str) -> tuple[str, ...]:
        """Kinds of data that one entry is meant for."""
        return tuple(self._takes[name])

    def _fill(self) -> None:
        if self._filled:
            return
        self._filled = True
        folder = importlib.import_module(self._folder)
        for module in pkgutil.iter_modules(folder.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self._folder}.{module.name}")
        for point in entry_points(group=self._folder):
            point.load()


kind: Registry[type[Any]] = Registry("kind", "pellucid.data")
network: Registry[Callable[..., Any]] = Registry("network", "pellucid.networks")
task: Registry[type[Any]] = Registry("task", "pellucid.tasks")
explainer: Registry[type[Any]] = Registry("explainer", "pellucid.explaining")
