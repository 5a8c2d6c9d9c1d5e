"""The charts of the page as Vega, and the script that draws them: both cached.

What they are made with takes a second to load and to run, so it is imported for what the cache
lacks.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import metadata
from importlib.resources import files
from typing import Any

from gradmeter.bench.report.cache import cached_text

# The packages of this project whose modules describe the charts.
_SOURCES = ("gradmeter.bench.report", "gradmeter.bench.timelines")


@cache
def chart(kind: str) -> dict[str, Any]:
    """Return the chart of a kind, see `gradmeter.bench.report.charts.KINDS`."""
    specification: dict[str, Any] = json.loads(
        cached_text(_key(f"chart {kind}"), lambda: _compiled(kind))
    )
    return specification


@cache
def library() -> str:
    """Return Vega and vega-embed as one script, for a page that loads nothing."""
    return cached_text(f"library {metadata.version('vl-convert-python')}", _library)


def _compiled(kind: str) -> str:
    from gradmeter.bench.report import charts, vega

    return vega.compiled(charts.KINDS[kind]())


def _library() -> str:
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _key(name: str) -> str:
    """Return a cache key that no other description and no other compiler of the chart has."""
    return " ".join([name, *_versions(), _digest()])


@cache
def _versions() -> list[str]:
    return [metadata.version(package) for package in ("altair", "vl-convert-python")]


@cache
def _digest() -> str:
    """Return a digest of the modules that a chart's description may come from."""
    digest = hashlib.sha256()
    for package in _SOURCES:
        modules = [path for path in files(package).iterdir() if path.name.endswith(".py")]
        for module in sorted(modules, key=lambda path: path.name):
            digest.update(module.read_bytes())
    return digest.hexdigest()
