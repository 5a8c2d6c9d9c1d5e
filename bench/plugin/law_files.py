"""The laws of a session's calls as a file: written, and compared with one."""

from __future__ import annotations

from gradmeter.bench.errors import UsageError
from gradmeter.bench.plugin.settings import Settings
from gradmeter.bench.results import laws as law_file
from gradmeter.bench.results.run import Run
from gradmeter.bench.verdicts import call_laws, law_changes


def finish(run: Run, settings: Settings) -> tuple[list[str], list[str]]:
    """Write the laws of a session's calls and compare them with a file of laws, where asked to.

    Returns:
        The lines to print, and the laws for which the session fails.
    """
    lines: list[str] = []
    if call_laws.lacking(run):  # which the report says
        return [], [str(settings.law_file)] if settings.law_file else []
    laws = call_laws.of_run(run)
    if not laws:
        lines.append(
            "laws: no test was measured at several values of a parameter that is a whole number"
        )
    failed: list[str] = []
    against = settings.against
    try:
        if laws and against is not None and law_file.is_law_file(against):
            # Where a law holds from is no change: it follows from the values that were measured.
            failed = [*map(str, law_changes.of_formulas(law_file.load(against), laws))]
            lines += [f"FAILED law: {sentence}" for sentence in failed]
        if settings.law_file is not None:
            settings.law_file.parent.mkdir(parents=True, exist_ok=True)
            law_file.save(laws, settings.law_file)
            lines.append(f"laws written: {settings.law_file}")
    except (UsageError, OSError) as error:
        lines.append(f"laws: {error}")
        failed.append(str(settings.law_file or against))
    return lines, failed
