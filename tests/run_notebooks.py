"""Runs the notebooks, each in a kernel of its own, and writes them with what came out: ``make notebooks``.

What differs from run to run or from machine to machine is left out, so that a diff shows what has changed: counts of
executions, metadata, style sheets, progress bars.
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
STYLE = re.compile(r"<style scoped>.*?</style>\n", re.S)
BAR = re.compile(r"[^\n\r]*\brows(/s)?\b[^\n\r]*\]?[\r\n]*")


def paths():
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def executed(path, seconds=60):
    """Return the notebook at a path with the outputs of a run from top to bottom."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        # The user's own IPython has no part in this.
        environment = {**os.environ, "IPYTHONDIR": folder, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        client = NotebookClient(
            notebook,
            timeout=seconds,
            kernel_name="python3",
            resources={"metadata": {"path": str(NOTEBOOKS)}},
            extra_arguments=["--IPKernelApp.log_level=40"],
        )
        client.execute(env=environment)
    return plain(notebook)


def plain(notebook):
    """Return a notebook as it is kept in the repository."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [output for output in map(_plain_output, cell.outputs) if output is not None]
    return notebook


def _plain_output(output):
    if output.output_type == "stream":
        if output.name == "stderr":
            output.text = BAR.sub("", output.text)
        return output if output.text.strip() else None
    if "execution_count" in output:
        output.execution_count = None
    if "data" in output:
        output.metadata = nbformat.from_dict({})
        if "text/html" in output.data:
            output.data["text/html"] = STYLE.sub("", output.data["text/html"])
    return output


def text(notebook):
    """Return a notebook as JSON, with sorted keys."""
    return nbformat.writes(notebook) + "\n"


def main():
    wrong = [name for name in os.environ if name.startswith("CIO_")]
    if wrong:
        sys.exit(f"Outputs are those of the sandbox: unset {', '.join(wrong)} first.")
    for path in paths():
        sys.stdout.write(f"{path.name}\n")
        path.write_text(text(executed(path)), encoding="utf-8")


if __name__ == "__main__":
    main()
