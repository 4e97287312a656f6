"""How the guides and the reference become pages: ``make docs``."""

from importlib import metadata

# CioAccessor's docstrings are those of the functions, put together when the package is imported: so it is imported.
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Links to headings, as code hosts make them.
myst_heading_anchors = 3
project = "cio_frames"
version = release = metadata.version("cio-frames")
copyright = "the cio_frames authors"
html_theme = "pydata_sphinx_theme"
html_title = f"cio_frames {release}"
html_theme_options = {"navbar_end": ["theme-switcher"], "show_prev_next": False, "footer_start": ["copyright"]}
html_show_sourcelink = False
html_copy_source = False

autodoc_typehints = "none"  # the docstrings say what is what, in words
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Links between functions have to lead somewhere; types in docstrings are words.
nitpicky = True
nitpick_ignore_regex = [("py:(class|obj|exc|data)", ".*")]
