"""Whether anything is wrong, in one level and one sentence.

    alarm    something that a notebook calls alarming was found
    blind    nothing alarming was found, but part of what was asked could not be seen: a host, or a notebook that failed
    notice   everything was seen, and something is worth a look
    clean    everything was seen, and nothing is

What was not seen is said in every sentence: a clean report from a blind host is the worst that can be sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audit_nb import words
from audit_nb.report.coverage import Hosts, is_lossy

MOST_NAMES = 5
MOST_FIGURES = 6


def headlines(results: Iterable[Mapping[str, Any]], earlier: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The headline figures of all notebooks in order, each with its value in the period before where that is known."""
    before = {(row["notebook"], row["name"]): row["value"] for row in (earlier or {}).get("headlines", ())}
    return [
        {
            "notebook": result["notebook"],
            "name": result["name"],
            "label": result["label"],
            "value": result["value"],
            "level": result["level"],
            "before": before.get((result["notebook"], result["name"])),
        }
        for result in results
        if result["kind"] == "headline"
    ]


def judge(headlines: Sequence[Mapping[str, Any]], hosts: Hosts, failed: Sequence[str], language: str) -> dict[str, str]:
    """The level and the sentence."""
    found = [row for row in headlines if row["level"] in ("alarm", "notice") and row["value"]]
    parts = [_figures(found, language)] if found else []
    if hosts.missing:
        parts.append(
            words.say(
                "verdict.unseen",
                language,
                n=len(hosts.missing),
                total=hosts.total,
                names=_listed([row["host"] for row in hosts.missing], language),
            )
        )
    if not hosts.total:
        parts.append(words.say("verdict.no_hosts", language))
    if failed:
        parts.append(words.say("verdict.failed", language, n=len(failed), names=", ".join(failed)))
    if not parts and hosts.lossy:
        lossy = [row["host"] for row in hosts.rows if is_lossy(row)]
        parts.append(words.say("verdict.lossy", language, names=_listed(lossy, language)))
    if not parts:
        parts.append(words.say("verdict.clean", language))
    return {"level": _level(found, hosts, failed), "sentence": ". ".join(parts) + "."}


def status(hosts: Hosts, failed: Sequence[str], played: int) -> str:
    """`done`; `partial` where a host was not seen or a notebook failed; `failed` where no notebook could be played."""
    if len(failed) == played:
        return "failed"
    return "partial" if failed or hosts.missing or not hosts.total else "done"


def _level(found: Sequence[Mapping[str, Any]], hosts: Hosts, failed: Sequence[str]) -> str:
    levels = {row["level"] for row in found}
    if "alarm" in levels:
        return "alarm"
    if failed or hosts.missing or not hosts.total:
        return "blind"
    return "notice" if "notice" in levels or hosts.lossy else "clean"


def _listed(names: Sequence[str], language: str) -> str:
    shown = ", ".join(words.visible(name) for name in names[:MOST_NAMES])
    rest = len(names) - MOST_NAMES
    return shown if rest <= 0 else words.say("verdict.and_more", language, names=shown, n=rest)


def _figures(found: Sequence[Mapping[str, Any]], language: str) -> str:
    """What was found, in the order of the report; of much the alarms before the notices. What two say is said once."""
    distinct = list({(row["label"], row["value"]): row for row in found}.values())
    chosen = sorted(distinct, key=lambda row: row["level"] != "alarm")[:MOST_FIGURES]
    said = [
        words.say("verdict.figure", language, value=row["value"], label=row["label"])
        for row in distinct
        if row in chosen
    ]
    rest = len(distinct) - len(chosen)
    return ", ".join(said) + (f" {words.say('mail.more', language, n=rest)}" if rest else "")
