"""Writes the report of one run: Markdown, pictures, the HTML page, and drafts of what to publish."""

from pathlib import Path

from .._files import replacing
from . import plots
from .arithmetic import roof_of
from .context import render

TITLES = {
    "rate_by_density": "TFLOP/s by density and block size",
    "speedup_over_dense": "Speed-up over dense, with the crossover",
    "roofline": "Roofline",
    "scaling": "Scaling with size",
}


def write_report(context: dict, out: Path) -> list[Path]:
    """Write everything below `out`; names begin with the GPU that the records are of.

    `context` is what `report_context` returned.
    """
    results, criteria, gpu = context["results"], context["criteria"], context["gpu"]
    roof = roof_of(results, criteria.chip, context["judgement"].applies)
    pictures = plots.draw_all(results, criteria.cases["headline"], roof, context["profile"])
    file_names = {key: f"{gpu.lower()}_{key}.svg" for key in pictures}
    context = {
        **context,
        "titles": TITLES,
        "picture_files": file_names,
        "pictures": {key: plots.in_page(svg) for key, svg in pictures.items()},
    }
    files = {
        f"{gpu}_RESULTS.md": render("results.md.j2", context),
        f"{gpu}_RESULTS.html": render("page.html.j2", context),
        f"{gpu.lower()}_release_notes.md": render("release_notes.md.j2", context),
        f"{gpu.lower()}_announcement.md": render("announcement.md.j2", context),
        **{file_names[key]: plots.on_white(svg) for key, svg in pictures.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        with replacing(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [out / name for name in files]
