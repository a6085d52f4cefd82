"""Judges records, says why, and writes the report: `python -m blackwellsparsek.report --help`.

`names` and `selection` read records; `criteria` and `judge` give verdicts, `diagnosis` the reasons below the
minimum, `comparison` sets two runs side by side, `staleness` finds figures of other kernels or plans;
`tables`, `plots`, `arithmetic` and `writer` make Markdown, pictures and the HTML page of the same records.
"""
