"""Sphinx configuration for the guides and the reference: ``make docs``."""

from importlib import metadata

# autodoc imports the package: the methods of CioAccessor are derived from the functions at import.
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Links to headings, in the form that code hosts use.
myst_heading_anchors = 3
project = "cio_frames"
version = release = metadata.version("cio-frames")
copyright = "the cio_frames authors"
html_theme = "pydata_sphinx_theme"
html_title = f"cio_frames {release}"
html_theme_options = {"navbar_end": ["theme-switcher"], "show_prev_next": False, "footer_start": ["copyright"]}
html_show_sourcelink = False
html_copy_source = False

autodoc_typehints = "none"  # the docstrings describe the types
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Links between functions must resolve; types in docstrings are text.
nitpicky = True
nitpick_ignore_regex = [("py:(class|obj|exc|data)", ".*")]
