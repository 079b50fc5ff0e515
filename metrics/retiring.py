"""Writes into a KPI's file that it is retired."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from metrics.core import yaml_file
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.kpis.adoption import Retired


def adoption_file(company: Company, kpi_id: str) -> Path:
    """The file of an adopted KPI. Raises NyckeltalError when it was removed since the company was compiled."""
    file = next((company.path / "kpis").glob(f"*/{kpi_id}.yml"), None)
    if file is None:
        problem = f"the file of {kpi_id} is gone since the last `kpi compile`"
        raise NyckeltalError(problem, file=company.path / "kpis", expected=f"{kpi_id}.yml, or `kpi compile` without it")
    return file


def retirement(day: date, reason: str, replaced_by: str | None) -> Retired:
    """What is written into the file. Raises NyckeltalError for a reason that no file may state."""
    try:
        return Retired(on=day, reason=reason, replaced_by=replaced_by)
    except ValidationError:
        raise NyckeltalError("says too little", field="reason", found=reason, expected="a few words") from None


@contextmanager
def written(file: Path, kpi_id: str, retired: Retired, catalog: Catalog) -> Iterator[None]:
    """Adds `retired` to the KPI's file, whose other lines stay as they are; takes it out again if the block fails.

    A file that states the same reason and replacement, as after an interruption, stays as it is. Raises NyckeltalError
    when it states others, `replaced_by` isn't another KPI in use, or the lines must be added by hand.
    """
    others = [other.kpi_id for other in catalog.live if other.kpi_id != kpi_id]
    if retired.replaced_by not in (None, *others):
        problem = f"no KPI '{retired.replaced_by}' is in use{did_you_mean(retired.replaced_by or '', others)}"
        raise NyckeltalError(problem, field="--replaced-by", expected="another KPI of the company")
    if _states(file, retired):
        yield
        return
    before = file.read_bytes()
    _replace(file, _with_lines(file, before, retired))
    try:
        yield
    except BaseException:
        _replace(file, before)
        raise


def _states(file: Path, retired: Retired) -> bool:
    """Whether the file says already that the KPI is retired. Raises NyckeltalError when it gives another reason."""
    document = yaml_file.read(file)
    stated = document.get("retired")
    if stated is None:
        return False
    facts = stated if isinstance(stated, dict) else {}
    same = (" ".join(str(facts.get("reason")).split()), facts.get("replaced_by"))
    if same != (retired.reason, retired.replaced_by):
        problem = f"is retired since {facts.get('on')}, for another reason or replacement"
        line = yaml_file.line_of(document, ("retired",))
        expected = "the reason and replacement that are stated there, or a file without `retired`"
        raise NyckeltalError(problem, file=file, line=line, field="retired", expected=expected)
    return True


def _with_lines(file: Path, before: bytes, retired: Retired) -> bytes:
    """The file's content with the lines of `retired` at its end. Raises NyckeltalError where they don't fit there."""
    lines = ["retired:", f"  on: {retired.on}", f"  reason: {_quoted(retired.reason)}"]
    lines += [f"  replaced_by: {retired.replaced_by}"] if retired.replaced_by else []
    line_end = b"\r\n" if b"\r\n" in before else b"\n"
    missing_end = b"" if before.endswith(b"\n") else line_end
    after = before + missing_end + b"".join(line.encode() + line_end for line in lines)
    facts = retired.model_dump(exclude_none=True)
    try:
        fits = yaml_file.parsed(file, after) == {**yaml_file.read(file), "retired": facts}
    except NyckeltalError:
        fits = False
    if not fits:
        by_hand = f"retired: {{{', '.join(line.strip() for line in lines[1:])}}}"
        problem = "the file's layout doesn't allow to add `retired` at its end; add it by hand and run this again"
        raise NyckeltalError(problem, file=file, field="retired", expected=by_hand)
    return after


def _quoted(text: str) -> str:
    """The text as a YAML string, with escapes for characters that can't be seen."""
    written_out = json.dumps(text, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in written_out)


def _replace(file: Path, content: bytes) -> None:
    """Gives the file this content, whole or not at all."""
    target = file.resolve()
    draft = target.with_name(f".{target.name}.draft")
    try:
        draft.write_bytes(content)
        shutil.copymode(target, draft)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise NyckeltalError(f"can't be written: {error.strerror}", file=file) from None
