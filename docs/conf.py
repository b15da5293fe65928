"""The site of the documentation: ``python -m sphinx -W --keep-going -n docs site``."""

import hdfchk

project = "hdfchk"
author = copyright = "The hdfchk developers"  # noqa: A001 - Sphinx's name
version = release = hdfchk.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "hdfchk"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

# Pages are read on the repository's host, too: links are ordinary ones, to files and headings.
myst_heading_anchors = 4
myst_links_external_new_tab = False

# Docstrings: single backticks are code, and a link where they name something of the package.
default_role = "py:obj"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Guarantees"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}
python_maximum_signature_line_length = 90
add_module_names = False

# Nothing is downloaded: what other libraries name, and private types, have no page to link to.
nitpick_ignore_regex = [("py:obj", ".*"), ("py:class", ".*"), ("py:exc", ".*"), ("py:data", ".*")]
