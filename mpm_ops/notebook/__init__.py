"""The notebook's side: magics, completion, faces and apps. The only importers of IPython and ipywidgets."""
