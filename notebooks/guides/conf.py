"""Sphinx configuration for the guides, the notebooks, and the reference: ``make docs``.

The pages are those of ``notebooks/``, so that links between guides and notebooks are the same here and on a code host.
"""

import shutil
import sys
from importlib import metadata
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).parents[2] / ".ci"))
import reference_pages
from docutils import nodes

# autodoc imports the package: the methods of CioAccessor are derived from the functions at import.
extensions = [
    "myst_nb",  # includes myst_parser; shows notebooks with the outputs that they were saved with
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["guides/examples/*", "guides/_templates/*"]
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # widgets would be loaded from another host
# Links to headings, in the form that code hosts use.
myst_heading_anchors = 3
# A block that is copied has no prompts and no outputs.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

project = "cio_frames"
version = release = metadata.version("cio-frames")
copyright = "the cio_frames authors"
html_theme = "pydata_sphinx_theme"
html_title = f"cio_frames {release}"
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "header_links_before_dropdown": 4,
}
# Pages without a section have no navigation of one.
html_sidebars = {"guides/glossary": [], "guides/changelog": []}
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["docs.css"]
html_js_files = ["docs.js"]
templates_path = [str(Path(__file__).parent / "_templates")]  # relative ones are looked for beside the pages
html_show_sourcelink = False
html_copy_source = False

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings describe the types
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Links between functions must resolve; types in docstrings are text.
nitpicky = True
nitpick_ignore_regex = [("py:(class|obj|exc|data)", ".*")]


def remove_generated(app, *_):
    """Remove the pages of methods, which autosummary writes beside the others: old ones, and after a build all."""
    shutil.rmtree(Path(app.srcdir) / "guides" / "reference" / "generated", ignore_errors=True)


def add_dark_pictures(app, doctree):
    """Show the dark variant of a picture, which stands beside it, in the dark mode of the theme."""
    for image in list(doctree.findall(nodes.image)):
        path = PurePosixPath(image["uri"])
        dark = path.with_name(f"{path.stem}-dark{path.suffix}")
        if (Path(app.srcdir) / app.env.docname).parent.joinpath(dark).is_file():
            image["classes"].append("only-light")
            image.parent.insert(
                image.parent.index(image) + 1, nodes.image(uri=str(dark), alt=image["alt"], classes=["only-dark"])
            )


def setup(app):
    """Shorten docstrings, whose shared parameters have a page of their own, and add dark pictures."""
    app.connect("config-inited", remove_generated)
    app.connect("autodoc-process-docstring", reference_pages.shorten_docstring, priority=100)
    app.connect("doctree-read", add_dark_pictures, priority=100)  # before Sphinx collects the files of pictures
    app.connect("build-finished", remove_generated)
