"""Test mails that hide a harmless marker wherever a recipient's program would find it.

`python3 -m hidden OUTDIR` writes the mails and `OUTDIR/index.tsv`; `python3 -m hidden.score` runs a scanner over them.
Everything is made at run time from fixed dates and fixed seeds: two runs give the same bytes.
"""
