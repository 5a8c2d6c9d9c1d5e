"""Import the packages of an engine from a revision's checkout in a worker, and prove it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_HINT = (
    "if that is compiled, generated or in a submodule: a checkout has only what is committed, so "
    "build each revision with --bench-install"
)


class OriginError(ImportError):
    """A package was not imported from the revision's checkout: nothing can be compared."""


class CheckoutFinder:
    """Find packages in their folders, before any other finder: neither installed nor on a path.

    Nothing else of the folders can be imported: a json.py there hides no module.

    Args:
        packages: the folder of each package, by its dotted name.
    """

    def __init__(self, packages: Mapping[str, str]) -> None:
        self.packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a package or a module in it; None for any other module."""
        if fullname in self.packages:
            parent = fullname.split(".")[:-1]
            path = [str(Path(self.packages[fullname]).joinpath(*parent))]
        elif path is None or not _belongs(fullname, self.packages):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None and fullname in self.packages:
            raise ModuleNotFoundError(f"No module named {fullname!r} in {path[0]}", name=fullname)
        if spec is not None and spec.loader is None and spec.submodule_search_locations:
            # A namespace's path would grow by what the import path holds of the same name.
            folders = list(spec.submodule_search_locations)
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = folders
        return spec


class Checkout:
    """Where the packages of a case's engine come from: a checkout, or anywhere.

    Args:
        case: the request that describes the case, as runs/spec.py writes it.
    """

    def __init__(self, case: Mapping[str, Any]) -> None:
        self.origins = [Path(origin).resolve() for origin in case.get("origins", ())]
        self.packages: Mapping[str, str] = case.get("packages", {})
        self.proven: Sequence[str] = case.get("proven", ())
        self.adapter = Path(case.get("adapter", "")).resolve()
        if self.packages:
            sys.meta_path.insert(0, CheckoutFinder(self.packages))

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Note on an import that fails in a package what a checkout does not have."""
        try:
            yield
        except Exception as error:
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, ImportError) and _belongs(cause.name or "", self.packages):
                    error.add_note(_HINT)
                    break
                cause = cause.__cause__ or cause.__context__
            raise

    def prove(self, *, complete: bool = False) -> None:
        """Make sure that what was imported of the packages lies in the checkout.

        Args:
            complete: each package has been imported by now.

        Raises:
            OriginError: a module lies elsewhere, or a package was not imported, so that another
                revision would be measured.
        """
        if not self.origins:
            return
        for name, module in sorted(sys.modules.items()):
            if not _belongs(name, [*self.packages, *self.proven]):
                continue
            places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
            for place in filter(None, places):
                path = Path(place).resolve()
                if path != self.adapter and not any(map(path.is_relative_to, self.origins)):
                    raise OriginError(
                        f"{name} was imported from {path} and not from the revision's checkout, so "
                        "a revision would be compared with itself; let the adapter import it by "
                        "its name, nothing import it before (a .pth file, sitecustomize), and "
                        "--bench-install, if given, install it"
                    )
        missing = [name for name in self.proven if name not in sys.modules]
        if complete and missing:
            raise OriginError(
                f"{missing[0]} belongs to the engine and its adapter never imports it, so a "
                "revision would be compared with itself; correct packages=(...) of its Engine"
            )


def _belongs(name: str, packages: Iterable[str]) -> bool:
    """Whether a module is one of the packages or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)
