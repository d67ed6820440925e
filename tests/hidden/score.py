"""`python3 -m hidden.score OUTDIR SLUSS_BINARY RULES_DIR`: scans the mails and says what was found, held and missed.

RULES_DIR may hold further rules of one's own and may be left out; the rule for the marker is written, beside a small
configuration, into a temporary folder.
Add `--all` to list also what was held where the marker was asked for, and the findings of ordinary mail.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from .kit import CLEAN, FOUND, FOUND_OR_HELD, MARKER, SURVIVE

RULE = "hidden_marker"
SECONDS_MAX = 10.0
# Finding ids that say a thing could not be opened or was not opened to its end.
HELD = re.compile(
    r"encrypt|unsupported|damaged|unopened|unscanned|too_deep|too_many|too_big|stopped|limit|unreadable|bomb|partial"
    r"|timeout|timed|refused|exhausted|broken|malformed|ratio|unfinished|unknown_method|not_opened"
)

# The mails have fixed dates and grow old: what is said of their age does not count.
OF_AGE = {"date.past", "date.future"}


def write_rule(folder):
    """The rule that matches the marker in bytes and in UTF-16."""
    text = f'rule {RULE} {{ meta: severity = "malware" strings: $m = "{MARKER}" ascii wide condition: $m }}\n'
    (folder / "rules").mkdir()
    (folder / "rules" / "marker.yar").write_text(text)


def write_config(folder, rules):
    """A configuration that adds the marker's rule to the given rules."""
    folders = [str(folder / "rules")] + ([str(Path(rules).resolve())] if rules else [])
    listed = ", ".join(f'"{name}"' for name in folders)
    text = f'hostname = "mx.ours.example"\ndata-dir = "{folder / "data"}"\n\n[rules]\nfolders = [{listed}]\n'
    (folder / "sluss.toml").write_text(text)
    return folder / "sluss.toml"


def scan(binary, config, files):
    """One run of the scanner over some files: its answers by file name, and the seconds it took."""
    began = time.monotonic()
    command = [binary, "scan", "--json", "--offline", "--config", str(config), *map(str, files)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60 + 2 * len(files), check=False)
        lines = done.stdout.decode("utf-8", "replace").splitlines()
    except subprocess.TimeoutExpired as stopped:
        lines = (stopped.stdout or b"").decode("utf-8", "replace").splitlines()
    answers = {}
    for line in lines:
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict) and answer.get("path"):
            answers[Path(answer["path"]).name] = answer
    return answers, time.monotonic() - began


def says_held(answer):
    """Whether the answer says that something could not be opened."""
    if answer.get("unscanned") or answer.get("encryption", "none") != "none":
        return True
    if any(part.get("scanned") is False for part in answer.get("parts", [])):
        return True
    return any(HELD.search(finding.get("id", "")) for finding in answer.get("findings", []))


def blamed(answer):
    """The ids of what speaks against a mail."""
    return [
        finding["id"]
        for finding in answer.get("findings", [])
        if finding["id"] not in OF_AGE and (finding.get("weight", 0) > 0 or finding.get("demands"))
    ]


def judge(expect, answer, seconds):
    """One word for what became of a case: found, held, missed, clean, flagged, ended, slow or lost."""
    if answer is None:
        return "lost"
    if seconds > SECONDS_MAX:
        return "slow"
    ids = {finding.get("id", "") for finding in answer.get("findings", [])}
    if expect == CLEAN:
        return "flagged" if blamed(answer) else "clean"
    if expect == SURVIVE:
        return "ended"
    if f"yara.{RULE}" in ids:
        return "found"
    return "held" if says_held(answer) else "missed"


def good(expect, word):
    """Whether that is what the case asks for."""
    wanted = {FOUND: {"found"}, FOUND_OR_HELD: {"found", "held"}, CLEAN: {"clean"}, SURVIVE: {"ended"}}
    return word in wanted[expect]


def score(folder, binary, rules):
    """Scans every mail of the index; one row each: name, group, expect, about, word, seconds, answer."""
    listed = [line.split("\t") for line in (folder / "index.tsv").read_text(encoding="utf-8").splitlines()]
    rows = []
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        write_rule(place)
        config = write_config(place, rules)
        answers = {}
        # Bombs one by one, so that one that hangs or crashes takes no other with it.
        quiet = [name for name, _, expect, _ in listed if expect != SURVIVE]
        for at in range(0, len(quiet), 50):
            answers.update(scan(binary, config, [folder / name for name in quiet[at : at + 50]])[0])
        for name, group, expect, about in listed:
            seconds = None
            if name not in answers:
                found, seconds = scan(binary, config, [folder / name])
                answers.update(found)
            answer = answers.get(name)
            # The scanner's own time, so that a busy machine does not count; one that hangs gives no answer and is lost.
            took = answer["elapsed_us"] / 1e6 if answer else seconds
            rows.append((name, group, expect, about, judge(expect, answer, took), took, answer))
    return rows


def report(rows, whole):
    """Prints the table by group, the cases that fell short, and the slowest."""
    table = defaultdict(lambda: defaultdict(int))
    for _, group, expect, _, word, _, _ in rows:
        table[group][word] += 1
        table[group]["good" if good(expect, word) else "short"] += 1
    words = ["found", "held", "missed", "clean", "flagged", "ended", "slow", "lost", "good", "short"]
    print(f"{'class':<18}{'cases':>7}" + "".join(f"{word:>9}" for word in words))
    for group in sorted(table):
        row = table[group]
        print(f"{group:<18}{row['good'] + row['short']:>7}" + "".join(f"{row[word]:>9}" for word in words))
    total = {word: sum(row[word] for row in table.values()) for word in words}
    print(f"{'all':<18}{total['good'] + total['short']:>7}" + "".join(f"{total[word]:>9}" for word in words))
    print("\nfell short:")
    for name, _, expect, about, word, _, answer in rows:
        if not good(expect, word):
            flagged = blamed(answer or {})
            detail = f" ({', '.join(flagged)})" if whole and flagged else ""
            print(f"  {word:<8}{name}: {about}{detail}")
    print("\nslowest:")
    for name, _, _, _, _, took, _ in sorted(rows, key=lambda row: -row[5])[:15]:
        print(f"  {took:8.2f} s  {name}")


def main():
    """Reads the arguments; ends with 1 when a case fell short."""
    words = [word for word in sys.argv[1:] if word != "--all"]
    if len(words) not in (2, 3):
        sys.exit("usage: python3 -m hidden.score OUTDIR SLUSS_BINARY [RULES_DIR] [--all]")
    rows = score(Path(words[0]), words[1], words[2] if len(words) == 3 else None)
    report(rows, "--all" in sys.argv)
    sys.exit(0 if all(good(row[2], row[4]) for row in rows) else 1)


if __name__ == "__main__":
    main()
