"""`python3 -m hidden OUTDIR`: writes every test mail and an index of them."""

import sys
from pathlib import Path

from . import archives, bombs, disks, mime, misc, names, office, ordinary, pages, pdf, rtf, transfer

FIELDS = [mime, transfer, names, archives, disks, office, rtf, pdf, pages, misc, bombs, ordinary]


def write_all(folder):
    """Writes the mails of every field into `folder` and returns how many they are."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, seen = [], set()
    for field in FIELDS:
        for found in field.cases():
            key = (found.group, found.name)
            if key in seen:
                raise ValueError(f"two cases are called {key}")
            seen.add(key)
            name = f"{len(rows) + 1:04d}-{found.group}-{found.name}.eml"
            (folder / name).write_bytes(found.mail)
            rows.append(f"{name}\t{found.group}\t{found.expect}\t{found.about}\n")
    (folder / "index.tsv").write_text("".join(rows), encoding="utf-8")
    return len(rows)


def main():
    """Reads the one argument and says what was written."""
    if len(sys.argv) != 2:
        sys.exit("usage: python3 -m hidden OUTDIR")
    print(f"{write_all(Path(sys.argv[1]))} mails written to {sys.argv[1]}")


if __name__ == "__main__":
    main()
