"""The notebook's side: magics, completion, faces and widgets. The only importers of IPython and ipywidgets."""
