"""Run the notebooks, each in a kernel of its own, and save them with their outputs: ``make notebooks``.

Metadata, style sheets, temporary folders, and progress bars differ between runs and machines. They are removed, so that
a diff shows real changes only. Execution counts stay: a run from top to bottom has the same each time. So do
pictures, but their bytes may differ: tests compare what `without_pictures` returns.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
PICTURE = "image/png"
STYLE_SHEET = re.compile(r"<style scoped>.*?</style>\n", re.S)
PROGRESS_BAR = re.compile(r"[^\n\r]*\brows(/s)?\b[^\n\r]*\]?[\r\n]*")
# matplotlib writes this on the first run on a machine.
FONT_CACHE = re.compile(r"[^\n]*Matplotlib is building the font cache[^\n]*\n?")
TEMPORARY_FOLDER = re.compile(re.escape(tempfile.gettempdir()) + r"[\\/]\w+[\\/]")


def paths():
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def execute(path, *, cell_timeout_seconds=60):
    """Return the notebook at a path with the outputs of a run from top to bottom."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        # Not the user's own IPython configuration.
        environment = {**os.environ, "IPYTHONDIR": folder, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        # pandera imports pyspark where it is installed.
        environment["PYTHONWARNINGS"] = "ignore:PySpark does not yet fully support pandas:FutureWarning"
        client = NotebookClient(
            notebook,
            timeout=cell_timeout_seconds,
            kernel_name="python3",
            resources={"metadata": {"path": str(NOTEBOOKS)}},
            extra_arguments=["--IPKernelApp.log_level=40"],
        )
        client.execute(env=environment)
    return normalize(notebook)


def normalize(notebook):
    """Return a notebook in the form in which the repository has it."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        # myst-nb reads there what a picture shows, in words: its alternative text.
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in ("mystnb",) if key in cell.metadata})
        if cell.cell_type == "code":
            outputs = [output for output in map(_normalize_output, cell.outputs) if output is not None]
            cell.outputs = _merge_streams(outputs)
    return notebook


def _merge_streams(outputs):
    """Return outputs with the consecutive parts of a stream as one: where a stream is split depends on timing."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _normalize_output(output):
    if output.output_type == "stream":
        if output.name == "stderr":
            text = TEMPORARY_FOLDER.sub("", PROGRESS_BAR.sub("", FONT_CACHE.sub("", output.text)))
            output.text = re.sub(r"[\r\n]+", "\n", text).lstrip("\n")
        return output if output.text.strip() else None
    if "data" in output:
        output.metadata = nbformat.from_dict({})
        if "text/html" in output.data:
            output.data["text/html"] = STYLE_SHEET.sub("", output.data["text/html"])
    return output


def without_pictures(notebook):
    """Return a copy of a notebook that says where pictures are, and not what is in them.

    Their bytes depend on the version of matplotlib.
    """
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        for output in cell.get("outputs", []):
            if PICTURE in output.get("data", {}):
                output.data[PICTURE] = "a picture"
    return copy


def to_json(notebook):
    """Return a notebook as JSON, with sorted keys."""
    return nbformat.writes(notebook) + "\n"


def main():
    variables = [name for name in os.environ if name.startswith("CIO_")]
    if variables:
        sys.exit(f"Saved outputs must not depend on the environment. Unset {', '.join(variables)} first.")
    for path in paths():
        sys.stdout.write(f"{path.name}\n")
        path.write_text(to_json(execute(path)), encoding="utf-8")


if __name__ == "__main__":
    main()
